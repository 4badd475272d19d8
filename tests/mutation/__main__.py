"""python -m tests.mutation: change the state machines and the storage at random places; which tests notice?

Each mutant is one change that cosmic-ray makes in a copy of the checkout: another operator, another number, a condition
the other way round. First all test files that run in one process are measured; then each mutant meets those that run
its lines, the quickest first. Those that no test notices are printed with their change: either it makes no difference,
or a test is missing.
"""

import argparse


def main() -> None:
    """Try some mutants, chosen by the seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", metavar="PATH", help="files whose paths begin so")
    args = parser.parse_args()
    from tests.mutation.trials import run  # --help is there without the tools of `make nightly`, which this needs

    run(args.count, args.seed, args.jobs, args.only)


if __name__ == "__main__":
    main()
