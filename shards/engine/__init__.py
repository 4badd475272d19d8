"""A shard's state machines. Pure: no clock, no I/O."""
