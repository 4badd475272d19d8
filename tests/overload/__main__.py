"""python -m tests.overload [--seconds S] [--factor F] [--seed N] [--strict]: overload four exchanges, S seconds each.

With --strict it also fails where goodput falls or "busy" is answered late: use it on an otherwise idle machine.
"""

import argparse
import random
import sys

from tests.overload.orders import TRADING
from tests.overload.overload import SCENARIOS, overload
from tests.overload.scene import scene


def main() -> int:
    """0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each overload")
    parser.add_argument("--factor", type=float, default=10.0, help="multiple of the capacity that arrives")
    parser.add_argument("--seed", type=int, default=None, help="random by default")
    parser.add_argument("--strict", action="store_true", help="goals for goodput and time must be reached, too")
    args = parser.parse_args()
    seed = random.randrange(2**32) if args.seed is None else args.seed
    print(f"seed {seed}", flush=True)
    is_right = True
    for scenario in SCENARIOS:
        with scene(random.Random(seed), TRADING, scenario.settings, scenario.shard_count) as found:
            result = overload(found, scenario, args.factor, args.seconds / 4, args.seconds)
        print("\n".join(result.lines()), flush=True)
        is_right &= not result.findings
        is_right &= not args.strict or (result.keeps_goodput() and result.says_busy_quickly())
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
