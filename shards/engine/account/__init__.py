"""The account machine: wallets and margin."""
