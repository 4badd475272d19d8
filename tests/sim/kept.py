"""Seeds that failed once, each with its cause. Changes of the shards' behavior may change what a seed does."""

KEPT = {
    10_030: "a snapshot with a trigger attached to one that has fired could not be loaded",
    10_284: "a change was answered BUSY because its trigger had fired since: its account shard must be asked",
    10_357: "the oracle did not wait for what a countdown makes after everything has arrived",
    16_396: "link messages of a shard that had gone were dropped when a confirmation could not be sent to it",
    1_382_183: "an order that only reduces held more than it had leave for: its position had grown meanwhile",
    3_120_082: "the oracle forgot a leverage that was set before its market came",
    20_943: "the oracle expected a shard that had stood still to have reached a peer that came meanwhile",
}
