"""Before a shard serves: reconciles assets and markets between its journal and the reference file."""

from pathlib import Path

from shards.clock import now_ms
from shards.engine.engine import MAILBOX, Engine
from shards.model.codec import encode
from shards.model.commands import AddAsset
from shards.process import log
from shards.runtime.recovery import apply_record
from shards.runtime.terms import find_differences, find_stale, find_unjournaled
from storage.journal import Journal, JournalDamaged, Record, StorageUnavailable
from storage.operations import PutMarket
from storage.reference_file import ReferenceDamaged, ReferenceFile, ReferenceUnusable, Terms


def reconcile(path: Path, engine: Engine, journal: Journal) -> None:
    """Compare the shard's state with the reference file ``path``; complete interrupted changes.

    Raises JournalDamaged if they contradict each other or the file is damaged; StorageUnavailable.
    """
    try:
        file = ReferenceFile(path)
    except ReferenceDamaged as damage:
        raise JournalDamaged(str(damage)) from damage
    except ReferenceUnusable as fault:
        raise StorageUnavailable(str(fault)) from fault
    try:
        terms = file.terms()
        differences = list(find_differences(engine, terms, terms))
        if differences:
            raise JournalDamaged(f"journal and {path} contradict each other: {'; '.join(differences)}")
        _journal_assets(engine, journal, terms)
        _bring_up_to_date(engine, file, terms)
    finally:
        file.close()


def _journal_assets(engine: Engine, journal: Journal, terms: Terms) -> None:
    """Journal the decimals of assets that an earlier version wrote only to the file."""
    for asset in find_unjournaled(engine, terms):
        stamp_ms = max(engine.now_ms, now_ms())
        body = encode(AddAsset(asset.symbol, asset.decimals))
        record = Record(engine.sequence + 1, stamp_ms, MAILBOX, 0, body)
        journal.append([record])
        apply_record(engine, record)
        log.info("asset %s is adopted into the journal, with %d decimals", asset.symbol, asset.decimals)


def _bring_up_to_date(engine: Engine, file: ReferenceFile, terms: Terms) -> None:
    for market in find_stale(engine, terms):
        try:
            file.change(PutMarket(market.number, encode(market)).apply)
        except ReferenceUnusable as fault:
            log.warning(
                "the reference file is behind in market %s, and stays so until there is room: %s", market.symbol, fault
            )
        else:
            log.info("market %s is updated in the reference file: it is %s", market.symbol, market.status)
