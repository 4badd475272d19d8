"""The futures API under ``/fapi``, compatible with Binance's."""
