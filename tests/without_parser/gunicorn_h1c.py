"""As where it has not been compiled: first on PYTHONPATH, it stands in the place of the parser."""

raise ImportError("not compiled here")
