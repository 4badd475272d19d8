"""The archive's process: stores the shards' events and answers queries about them."""
