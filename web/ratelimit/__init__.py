"""Rate limits per IP and per account, shared by all workers."""
