"""Messages between processes: the bounded mailbox and its callers."""
