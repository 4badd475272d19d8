"""python -m tests.fuzz --count N [--seed S]: send N spoilt requests to a real exchange, then verify its folder."""

import argparse
import random
import sys

from tests.exchange import Exchange
from tests.fuzz.aftermath import check_aftermath
from tests.fuzz.campaign import Campaign, Fault


def main() -> int:
    """0 if every answer was right."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="how many requests")
    parser.add_argument("--seed", type=int, default=None, help="the seed; a random one by default")
    asked = parser.parse_args()
    seed = random.randrange(2**32) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    exchange = Exchange(2)
    try:
        exchange.start()
        campaign = Campaign(exchange, seed)
        print(campaign.run(asked.count), flush=True)
        check_aftermath(campaign.arena)
    except Fault as fault:
        print(fault)
        return 1
    finally:
        exchange.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
