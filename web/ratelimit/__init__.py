"""How much an IP and an account may ask, counted by all workers together."""
