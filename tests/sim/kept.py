"""Seeds that have failed once, each with what was wrong. What the shards do otherwise may change what a seed does."""

KEPT = {
    10_597: "a deadline was late by as much as the stamps of the market's shard were ahead of a clock set back",
}
