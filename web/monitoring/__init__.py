"""For machines: health, and how much of what has happened."""
