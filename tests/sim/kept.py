"""Seeds that have failed once, each with what was wrong. What the shards do otherwise may change what a seed does."""

KEPT = {
    10_030: "a snapshot with a trigger attached to one that has fired could not be loaded",
    10_597: "a deadline was late by as much as the stamps of the market's shard were ahead of a clock set back",
}
