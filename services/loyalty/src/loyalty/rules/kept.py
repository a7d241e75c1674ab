"""What was fixed about a member, as it is stored with an order, and the facts that it is made of.

Stored by its annotations, which a compiled module does not have at run time: never compile this one (``native``).
"""

from collections.abc import Mapping
from typing import Final

import msgspec

Used = tuple[int, int]
"""Times and points that count in a period."""


class Allowance(msgspec.Struct, frozen=True, array_like=True):
    """What a limit or a cap still lets through: ``key`` names its counter, None means as much as one likes."""

    key: str
    times: int | None
    points: int | None


class Facts(msgspec.Struct, frozen=True):
    """A member as the service knows them now, this order aside.

    ``used`` holds the counters of ``usage_keys``: how often and how many points the member's other orders and
    activities took in those periods; an absent counter is zero.
    """

    tier: str | None = None
    first_purchase: bool = False
    tags: tuple[str, ...] = ()
    used: Mapping[str, Used] = {}


class Met(msgspec.Struct, frozen=True, array_like=True):
    """The rules whose conditions on attributes an order met when it was forgotten, and its snapshot's time then."""

    updated_at: str | None
    rule_ids: tuple[str, ...]


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was fixed for one (order, member). ``limits`` by rule id, ``caps`` by period.

    ``met`` is what stays of the order's attributes once its buyer is erased.
    """

    tier: str | None = None
    first_purchase: bool = False
    tags: tuple[str, ...] = ()
    limits: dict[str, Allowance] = {}
    caps: dict[str, Allowance] = {}
    met: Met | None = None

    def to_json(self) -> str:
        """The text to store with the order."""
        return _encoder.encode(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Kept":
        """What ``to_json`` gave."""
        return _decoder.decode(text)


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Kept)
NOTHING_KEPT: Final = Kept()
