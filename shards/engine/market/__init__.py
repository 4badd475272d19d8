"""The market machines: books, matching, triggers."""
