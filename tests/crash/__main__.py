"""python -m tests.crash --rounds N [--seed S] [--only KINDS] [--strict]: inject faults into real exchanges, and audit.

With --strict it also fails if a killed shard recovers late, or callers wait long for a killed worker: use it on an
otherwise idle machine.
"""

import argparse
import random
import sys
import time

from tests.crash.campaign import Campaign, Tallies
from tests.crash.kinds import KINDS
from tests.crash.trading import PRODUCTS


def main() -> int:
    """0 if there were no findings."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    shares = ", ".join(f"{kind.share} {kind.name}" for kind in KINDS.values())
    parser.add_argument(
        "--rounds", type=int, default=1, help=f"how many; one has {shares}, half of each on each product"
    )
    parser.add_argument("--seed", type=int, default=None, help="of requests and targets; random by default")
    parser.add_argument("--only", default="", help="kinds of faults, separated by commas")
    parser.add_argument("--product", choices=PRODUCTS, help="only this one")
    parser.add_argument("--strict", action="store_true", help="time goals must be reached, too")
    args = parser.parse_args()
    chosen = args.only.split(",") if args.only else list(KINDS)
    if unknown := set(chosen) - KINDS.keys():
        parser.error(f"no such kinds: {', '.join(sorted(unknown))}")
    seed = random.randrange(2**32) if args.seed is None else args.seed
    print(f"seed {seed}", flush=True)
    begun, tallies = time.monotonic(), Tallies()
    products = [args.product] if args.product else list(PRODUCTS)
    failed = _run(random.Random(seed), args.rounds, chosen, products, tallies)
    for name, tally in tallies.items():
        print(f"{name:10} {tally}")
        failed = failed or (args.strict and tally.is_slow())
    print(f"{time.monotonic() - begun:.0f} s")
    return int(failed)


def _run(rnd: random.Random, rounds: int, chosen: list[str], products: list[str], tallies: Tallies) -> bool:
    """Whether there were findings."""
    failed = False
    for number, product in enumerate(products):
        campaign = Campaign(product, rnd, tallies, lambda line: print(line, flush=True))
        # the remainder goes to the first product
        kinds = {name: (KINDS[name].share * rounds + len(products) - 1 - number) // len(products) for name in chosen}
        try:
            campaign.run(kinds)
        except Exception as error:
            print(f"{product}: {error!r}\n{error}\nthe data folder and the log are in {campaign.exchange.path}")
            campaign.exchange.stop()
            failed = True
        else:
            campaign.exchange.close()
    return failed


if __name__ == "__main__":
    sys.exit(main())
