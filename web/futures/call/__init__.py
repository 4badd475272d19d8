"""What every call of the futures API passes."""
