"""Public data of the futures markets."""
