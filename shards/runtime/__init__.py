"""A shard's process: its loop, its peers, its disk."""
