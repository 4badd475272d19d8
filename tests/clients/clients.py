"""The clients under test: each before and after December 2025, when trigger orders moved to ``algoOrder``."""

import shutil
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import pytest

from tests.clients.environments import INSTALL_S, node_program, python_program

Test = TypeVar("Test", bound=Callable[..., Any])

TEST_S: Final = INSTALL_S + 60  # the first test of a client installs it
CCXT_ERRORS: Final = {  # by its general table: the one for futures it takes for Binance's own hosts only
    -1021: "InvalidNonce",
    -1022: "AuthenticationError",
    -2011: "OrderNotFound",
    -2013: "OrderNotFound",
}


class Client(NamedTuple):
    """A client at one version."""

    name: str  # its lock's too, if it is of Python
    program: str
    errors: Mapping[int, str] | str  # the class it raises: by code, or always
    has_algo: bool  # places trigger orders on algoOrder
    argument: str = ""
    tells_code: bool = True  # else only the text
    shows_batches: bool = True  # else what was canceled in a batch is sorted, and what was not is left out

    def __str__(self) -> str:
        return self.name

    def provide(self) -> tuple[list[str], dict[str, str]]:
        """Command and environment of its program, installed if it is not yet."""
        if self.program.endswith(".cjs"):
            return node_program(self.program, self.argument)
        return python_program(self.program, self.name)

    def error(self, code: int) -> str:
        """The class it raises for a code."""
        return self.errors if isinstance(self.errors, str) else self.errors.get(code, "ExchangeError")


PYTHON: Final = [
    Client("ccxt-4.4.100", "ccxt_unified.py", CCXT_ERRORS, has_algo=False, shows_batches=False),
    Client("ccxt-4.5.90", "ccxt_unified.py", CCXT_ERRORS, has_algo=True, shows_batches=False),
    Client("python-binance-1.0.32", "python_binance.py", "BinanceAPIException", has_algo=False),
    Client("python-binance-1.0.37", "python_binance.py", "BinanceAPIException", has_algo=True),
    Client("binance-futures-connector-4.2.0", "connector.py", "ClientError", has_algo=False),
    Client("binance-sdk-2.0.0", "sdk.py", "BadRequestError", has_algo=False, tells_code=False),
    Client("binance-sdk-18.0.1", "sdk.py", "BadRequestError", has_algo=True),
]
NODE: Final = [
    Client("node-binance-2.15.22", "binance.cjs", "Object", has_algo=False, argument="binance-old"),
    Client("node-binance-3.6.5", "binance.cjs", "Object", has_algo=True, argument="binance"),
    Client("node-ccxt-4.5.84", "ccxt_unified.cjs", CCXT_ERRORS, has_algo=True, shows_batches=False),
    Client("node-binance-sdk-38.1.1", "sdk.cjs", "BadRequestError", has_algo=True),
]

_needs_node = pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm on this machine")


def clients(chosen: Callable[[Client], bool] = lambda client: True) -> Callable[[Test], Test]:
    """Runs a test with a bot of each client chosen."""
    params = [pytest.param(client) for client in PYTHON if chosen(client)]
    params += [pytest.param(client, marks=_needs_node) for client in NODE if chosen(client)]
    each = pytest.mark.parametrize("bot", params, ids=str, indirect=True)
    in_time = pytest.mark.timeout(TEST_S)
    return lambda test: in_time(each(test))
