"""The archive's process: rows of the shards in, answers out."""
