"""An account's futures balance, positions and settings."""
