"""The parameters of a futures call, by name and type.

Names are case-insensitive. A value that is empty or null counts as not sent. Values of a query and of a form are texts;
those of JSON are texts, numbers (as their text), booleans, lists and objects.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from shards.model.decimals import Decimal
from shards.model.span import NO_BOUND
from web.futures.call.errors import (
    CLIENT_ID_RESERVED,
    CLIENT_ID_TOO_LONG,
    START_AFTER_END,
    FuturesProblem,
    Refusal,
    illegal,
    mandatory,
    not_taken,
    out_of_range,
    twice,
)
from web.futures.limits import CLIENT_ID_LENGTH_MAX
from web.http.parse import is_client_id, read_decimal, read_long

T = TypeVar("T")

LISTS: Final = ("orderidlist", "origclientorderidlist")  # may be repeated in one source

CLIENT_ID_OF_LIQUIDATION: Final = "autoclose-"  # as Binance's clients know them: reserved
CLIENT_ID_OF_ADL: Final = "adl_autoclose"

_BOOLEANS: Final = {"true": True, "false": False}
_EMPTY: Final = (None, "")

Values = Mapping[str, Sequence[object]]
"""One source: name in lower case → all values sent under it."""


class Parameters:
    """Typed parameters. Readers return None for a missing one, and raise FuturesProblem for a malformed one."""

    def __init__(self, *sources: Values, fault: FuturesProblem | None = None) -> None:
        """``sources``: the earlier takes precedence. ``fault``: why a source could not be read."""
        self._sources = sources
        self._values = (
            sources[0] if len(sources) == 1 else {name: each[name] for each in sources[::-1] for name in each}
        )
        self._fault = fault

    def check(self) -> None:
        """Raises -1102 for a body that cannot be read, -1101 for a duplicate name in one source, lists excepted."""
        if self._fault is not None:
            raise self._fault
        for source in self._sources:
            for name, values in source.items():
                if len(values) > 1 and name not in LISTS:
                    raise twice(name)

    def all(self, name: str) -> Sequence[object]:
        """All values sent under the name, except empty ones."""
        return [value for value in self._values.get(name.lower(), ()) if value not in _EMPTY]

    def has(self, *names: str) -> bool:
        """Whether any of these was sent."""
        return any(name.lower() in self._values and self.all(name) for name in names)

    def value(self, *names: str) -> object:
        """The single value of the first of these names that was sent, or None; raises -1101."""
        for name in names:
            values = self._values.get(name.lower(), ())
            if len(values) > 1:
                values = self.all(name)
                if len(values) > 1:
                    raise twice(name)
            if values and values[0] not in _EMPTY:
                return values[0]
        return None

    # All of these raise -1102 for malformed values, and -1101 for duplicates

    def text(self, *names: str) -> str | None:
        """STRING: a text, or a number as written."""
        value = self.value(*names)
        if value is None:
            return None
        if isinstance(value, str):
            return str(value)  # a Number becomes a plain text, too: messages carry no subclasses
        raise mandatory(names[0])

    def decimal(self, *names: str) -> Decimal | None:
        """DECIMAL, sent under any of these names; raises -1106 if two of them differ."""
        found: Decimal | None = None
        for name in names:
            text = self.text(name) if name.lower() in self._values else None  # most are not sent
            if text is None:
                continue
            value = read_decimal(text)
            if value is None:
                raise mandatory(names[0])
            if found is not None and value != found:
                raise not_taken(name)
            found = value
        return found

    def long(self, *names: str) -> int | None:
        """LONG."""
        text = self.text(*names)
        value = None if text is None else read_long(text)
        if text is not None and value is None:
            raise mandatory(names[0])
        return value

    def boolean(self, name: str) -> bool | None:
        """BOOL."""
        value = self.value(name)
        if value is None or isinstance(value, bool):
            return value
        known = _BOOLEANS.get(value.lower()) if isinstance(value, str) else None
        if known is None:
            raise mandatory(name)
        return known

    def choice(self, name: str, choices: Mapping[str, T], refusal: Refusal) -> T | None:
        """ENUM: the value that ``choices`` maps it to; raises ``refusal`` for anything else."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, str) or value not in choices:
            raise FuturesProblem(*refusal)
        return choices[value]

    def new_client_id(self, name: str) -> str:
        """The client id of a new order, "" if none; raises -4015 (too long, reserved) or -1100."""
        text = self.text(name) or ""
        if len(text) > CLIENT_ID_LENGTH_MAX:
            raise FuturesProblem(*CLIENT_ID_TOO_LONG)
        if text.startswith(CLIENT_ID_OF_LIQUIDATION) or text == CLIENT_ID_OF_ADL:
            raise FuturesProblem(*CLIENT_ID_RESERVED)
        if text and not is_client_id(text):
            raise illegal(name)
        return text

    def bounded(self, name: str, default: int, least: int, most: int) -> int:
        """A LONG of ``least`` to ``most``; raises -1130 for any other value, malformed ones too."""
        value = self.value(name)
        if value is None:
            return default
        number = read_long(value)
        if number is None or not least <= number <= most:
            raise out_of_range(name)
        return number

    def limit(self, default: int, most: int) -> int:
        """``limit``: 1 to ``most``; raises -1130."""
        return self.bounded("limit", default, 1, most)

    def times(self) -> tuple[int | None, int | None]:
        """``startTime`` and ``endTime``, ms; raises -1023 if start is after end."""
        start_ms, end_ms = self.long("startTime"), self.long("endTime")
        if start_ms is not None and end_ms is not None and start_ms > end_ms:
            raise FuturesProblem(*START_AFTER_END)
        return _clamp(start_ms), _clamp(end_ms)


def need(value: T | None, name: str) -> T:
    """``value``; raises -1102 if it was not sent."""
    if value is None:
        raise mandatory(name)
    return value


def _clamp(time_ms: int | None) -> int | None:
    return None if time_ms is None else min(time_ms, NO_BOUND)
