"""The operator's actions, over HTTP and from the command line; API keys."""
