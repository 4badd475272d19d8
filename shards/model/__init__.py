"""Values and messages of the exchange: plain data.

Prices are ticks, quantities lots, amounts smallest units of their asset, times Unix milliseconds; ids are the 52-bit
numbers of :mod:`shards.model.ids`. Optional integers are 0 when absent, optional texts "". Fields of messages may be
added at the end, with a default: journals written before stay readable.
"""
