"""Values and messages of the exchange: plain data.

Prices are in ticks, quantities in lots, amounts in the smallest unit of their asset, times in Unix milliseconds; ids
are the 52-bit numbers of :mod:`shards.model.ids`. An absent integer is 0, an absent text "". New message fields go at
the end, with a default, so that older journals stay readable.
"""
