"""All safeties that are taken away."""

from typing import Final

from tests.safeties.copies import COPIES
from tests.safeties.disk import DISK
from tests.safeties.doors import DOORS
from tests.safeties.greed import GREED
from tests.safeties.links import LINKS
from tests.safeties.money import MONEY
from tests.safeties.orders import ORDERS
from tests.safeties.requests import REQUESTS
from tests.safeties.risk import RISK
from tests.safeties.sql import SQL
from tests.safeties.states import STATES

CATALOGUE: Final = (*DISK, *COPIES, *LINKS, *ORDERS, *MONEY, *RISK, *DOORS, *REQUESTS, *GREED, *SQL, *STATES)
