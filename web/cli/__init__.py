"""The command line: ``shardex``, and ``make run``."""
