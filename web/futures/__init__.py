"""The futures API under ``/fapi``, in Binance's shape."""
