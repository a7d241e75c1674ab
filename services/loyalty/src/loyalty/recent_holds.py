"""Holds that this process has given out of late: a confirm soon afterwards need not read what was written then.

Nothing here is trusted: the confirm writes only if the rows are still the very ones that the hold has written.
"""

from collections import OrderedDict
from copy import copy
from datetime import datetime, timedelta
from typing import Final

from loyalty.express_rows import Seen
from loyalty.redemption_rows import Redemption

_SIZE: Final = 1024
_LIFE: Final = timedelta(minutes=1)


class RecentHolds:
    """The newest holds, each for a minute and for one use."""

    def __init__(self) -> None:
        self._holds: OrderedDict[tuple[str, str], tuple[Seen, Redemption]] = OrderedDict()

    def keep(self, seen: Seen, one: Redemption) -> None:
        """Keep a hold as it was written."""
        self._holds[one.key] = seen, copy(one)
        if len(self._holds) > _SIZE:
            self._holds.popitem(last=False)

    def take(self, shop_id: str, redemption_id: str, now: datetime) -> tuple[Seen, Redemption] | None:
        """A kept hold, which is the caller's from now on."""
        found = self._holds.pop((shop_id, redemption_id), None)
        return None if found is None or now - found[1].created_at > _LIFE else found
