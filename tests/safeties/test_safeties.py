"""The catalog fits the source and the tests; a few safeties are taken away for real. `make safeties` does all."""

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from tests.safeties.catalog import CATALOG
from tests.safeties.checkout import Checkout, copied
from tests.safeties.safety import Safety
from tests.safeties.trial import run_all, run_one
from web.cli.run import ROOT

QUICK: Final = ("mailbox_bound", "first_in_first_out", "token_algorithm_pinned", "constant_time_operator_key")
BY_NAME: Final = {safety.name: safety for safety in CATALOG}


@pytest.fixture(scope="module")
def checkout() -> Iterator[Checkout]:
    with copied() as made:
        yield made


def test_names_are_given_once() -> None:
    assert len(BY_NAME) == len(CATALOG) >= 40


@pytest.mark.parametrize("safety", CATALOG, ids=lambda safety: safety.name)
def test_what_is_to_be_removed_is_there(safety: Safety) -> None:
    """Once, and what is left is another program; and the test that is named is in its file."""
    ast.parse(safety.removed(safety.read(ROOT)))
    if not safety.seeds:
        file, _, node = safety.test.partition("::")
        tree = ast.parse((ROOT / file).read_text())
        assert node.partition("[")[0] in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}


def test_every_named_test_is_collected(checkout: Checkout) -> None:
    """With its parameters, too: pytest does not begin when one of them is unknown."""
    nodes = sorted({safety.test for safety in CATALOG if not safety.seeds})
    done = checkout.run(["-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *nodes], 110)
    assert done.returncode == 0, done.stdout[-2_000:]


@pytest.mark.timeout(300)
def test_removed_safeties_are_noticed(checkout: Checkout) -> None:
    quick = [BY_NAME[name] for name in QUICK]
    assert {outcome.kind for outcome in run_all(checkout, quick).values()} == {"green"}
    for safety in quick:
        with checkout.without(safety):
            outcome = run_one(checkout, safety)
        assert outcome.kind == "red", (safety.name, outcome)


def test_a_program_that_is_broken_is_no_notice(checkout: Checkout) -> None:
    """A test that could not decide has shown nothing."""
    bound = BY_NAME["mailbox_bound"]
    with checkout.without(bound._replace(new="        if nobody_made_this:\n")):
        assert run_one(checkout, bound).kind == "broken"
    with checkout.without(bound._replace(old="import mmap\n", new="import nothing_of_that_name\n")):
        assert run_one(checkout, bound).kind == "not run"
