"""python -m tests.fuzz --count N [--seed S] [--strict]: send N mutated requests to a real exchange, then verify it.

With --strict an answer that takes longer than a second is a fault, too: use it on an otherwise idle machine.
"""

import argparse
import random
import sys
from typing import Final

from tests.exchange import Exchange
from tests.fuzz.aftermath import check_aftermath
from tests.fuzz.campaign import Campaign, Fault

GOAL_S: Final = 1.0


def main() -> int:
    """0 if every answer was right."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="how many requests")
    parser.add_argument("--seed", type=int, default=None, help="random by default")
    parser.add_argument("--strict", action="store_true", help=f"no answer may take longer than {GOAL_S:g} s")
    args = parser.parse_args()
    seed = random.randrange(2**32) if args.seed is None else args.seed
    print(f"seed {seed}", flush=True)
    exchange = Exchange(2)
    try:
        exchange.start()
        campaign = Campaign(exchange, seed)
        report = campaign.run(args.count)
        print(report, flush=True)
        check_aftermath(campaign.arena)
        if args.strict and report.slowest_s > GOAL_S:
            raise Fault(f"the slowest answer took longer than {GOAL_S:g} s")
    except Fault as fault:
        print(fault)
        return 1
    finally:
        exchange.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
