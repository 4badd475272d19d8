"""An account's futures money, positions and settings."""
