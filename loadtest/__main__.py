"""``python -m loadtest``: a load and its audit; ``make loadtest`` calls it.

``run`` does everything, on an exchange of its own or on ``--url``. ``open`` and ``audit`` are its first and last step
only, for a load that locust runs on several machines in between.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import requests

from loadtest.accounts import Account, AccountsUnusable, read_accounts, write_accounts
from loadtest.archive_audit import audit_archive
from loadtest.auditor import Auditor, read_openings, write_openings
from loadtest.exchange import Exchange
from loadtest.load import LoadFailed, Plan, read_statistics, run_load
from loadtest.processes import find_changes, find_traceback, read_processes
from loadtest.profiles import PROFILES
from loadtest.reader import Unanswered
from loadtest.record import Call, read_records
from loadtest.site import find_unfunded, kill_one, open_accounts, open_site
from loadtest.summary import describe_audit, describe_load
from web.cli.service import ROOT

REPORTS: Final = ROOT / "build" / "loadtest"


def main() -> int:
    """Run the command; exit status 0 if there are no findings."""
    options = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # also stops what was started
    try:
        done: int = options.act(options)
        return done
    except (AccountsUnusable, LoadFailed, Unanswered, requests.RequestException) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    steps = parser.add_subparsers(required=True)
    run = steps.add_parser("run")
    run.add_argument("--profile", choices=[*PROFILES, "all"], default="steady")
    run.add_argument("--seconds", type=int, default=20)
    run.add_argument("--users", type=int, default=40)
    run.add_argument("--kill", choices=("shard", "worker"), help="kill -9 one in the middle; own exchange only")
    run.add_argument("--url", help="a running exchange; else one is started")
    run.add_argument(
        "--accounts", type=Path, help="with --url: its demo.json, or a JSON list of accounts; no more users than these"
    )
    run.set_defaults(act=_run)
    for name, act in (("open", _open), ("audit", _audit)):
        step = steps.add_parser(name)
        step.add_argument("--url", required=True)
        step.add_argument("--accounts", type=Path, required=True)
        step.add_argument("--openings", type=Path, required=True, help="file with what the accounts had at first")
        step.set_defaults(act=act)
        if act is _audit:
            step.add_argument("--records", type=Path, required=True, help="folder with the records of all workers")
            step.add_argument("--may-lose", action="store_true", help="connections may have been lost")
    options = parser.parse_args()
    if options.act is _run and (bool(options.url) != bool(options.accounts) or (options.url and options.kill)):
        parser.error("--url and --accounts (make: URL and ACCOUNTS) go together, and without --kill")
    return options


def _run(options: argparse.Namespace) -> int:
    names = list(PROFILES) if options.profile == "all" else [options.profile]
    failed = [name for name in names if not _run_profile(name, options)]
    print(f"\nfailed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def _run_profile(name: str, options: argparse.Namespace) -> bool:
    """Whether there were no findings."""
    if options.url:
        accounts = read_accounts(options.accounts)
        options.users = min(options.users, len(accounts))  # one account per user
    print(f"\n{name}: {options.users} users, {options.seconds} s", flush=True)
    if options.url:
        findings = _load(name, options, options.url, accounts, None)
    else:
        depth = PROFILES[name].queue_depth
        settings = {"SHARDEX_QUEUE_DEPTH": str(depth)} if depth else {}
        with closing(open_site(settings)) as exchange:
            accounts = open_accounts(exchange, options.users)
            findings = _load(name, options, exchange.base_url, accounts, exchange)
    print(f"report: {(REPORTS / name).with_suffix('.html').relative_to(ROOT)}", flush=True)
    return not findings


def _load(
    name: str, options: argparse.Namespace, url: str, accounts: list[Account], exchange: Exchange | None
) -> list[str]:
    """Open, load, audit and report; returns all findings."""
    auditor = Auditor(url, accounts)
    openings = auditor.open()
    findings = find_unfunded(openings) if exchange else []
    before = read_processes(exchange) if exchange else {}
    with tempfile.TemporaryDirectory(prefix="sxload") as folder:
        records, secrets = REPORTS / f"{name}_records", Path(folder) / "accounts.json"
        shutil.rmtree(records, ignore_errors=True)
        write_accounts(secrets, accounts)
        plan = Plan(url, secrets, name, options.users, options.seconds, records, REPORTS / name)
        run_load(plan, (lambda: kill_one(exchange, options.kill)) if exchange and options.kill else None)
        calls = list(read_records(records))
    if exchange:
        _wait_back(exchange)
    findings += auditor.findings(calls, openings, may_lose(options.kill, options.url))
    if exchange:
        findings += auditor.matches(openings).strangers()
        findings += audit_archive(exchange.folder, auditor.statements)
        findings += find_changes(before, read_processes(exchange), options.kill)
        findings += () if options.kill else find_traceback(exchange)
    print(describe_load(read_statistics(plan.report)))
    print(_describe(auditor, calls, findings), flush=True)
    return findings


def may_lose(kill: str | None, url: str | None) -> bool:
    """Whether connections may be lost: by the kill of a worker, not of a shard; always with a ``url``."""
    return kill == "worker" or url is not None


def _wait_back(exchange: Exchange) -> None:
    try:
        exchange.wait_ready()
    except AssertionError as error:
        raise LoadFailed(f"the exchange does not come back: {error}") from error


def _describe(auditor: Auditor, calls: Sequence[Call], findings: Sequence[str]) -> str:
    spot, futures = auditor.statements.spot.values(), auditor.statements.futures.values()
    orders = sum(len(said.orders) for said in spot) + sum(len(said.orders) for said in futures)
    trades = sum(len(said.trades) for said in spot) + sum(len(said.fills) for said in futures)
    return describe_audit(calls, orders, trades, findings)


def _open(options: argparse.Namespace) -> int:
    write_openings(options.openings, Auditor(options.url, read_accounts(options.accounts)).open())
    return 0


def _audit(options: argparse.Namespace) -> int:
    auditor = Auditor(options.url, read_accounts(options.accounts))
    calls = list(read_records(options.records))
    findings = list(auditor.findings(calls, read_openings(options.openings), options.may_lose))
    print(_describe(auditor, calls, findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
