"""What operators do, over HTTP and from the command line; API keys."""
