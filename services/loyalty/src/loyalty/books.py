"""A member under lock, with the lots that were read and everything that one transaction changes about them."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import asyncpg

from loyalty.columns import LOT_COLUMNS
from loyalty.lots import Lot
from loyalty.settlement import Account
from loyalty.standings import Standing

Key = tuple[str, str]
"""(shop_id, customer_id)"""

_values: Final[Callable[[Any], tuple[Any, ...]]] = attrgetter(*LOT_COLUMNS)


class First:
    """The one line of an order's first transaction, as long as it is not written: what the order earned."""

    __slots__ = ("active", "expires_at", "points", "rule_ids", "seq")

    def __init__(
        self, seq: int, points: int, active: bool, expires_at: datetime | None, rule_ids: tuple[str, ...]
    ) -> None:
        self.seq = seq
        self.points = points
        self.active = active
        self.expires_at = expires_at
        self.rule_ids = rule_ids


class LotRow:
    """One lot as in the table ``lots``; ``changed`` says that it is to be written, ``is_new`` that it never was.

    ``first`` is the line that filled it, where that is to be written with it. ``told`` is of how many of those
    that are expired the member was told, or more while such points come back (``resolving.give_back``).
    """

    __slots__ = (*LOT_COLUMNS, "changed", "first", "is_new", "told")

    lot_id: str
    order_id: str | None
    program_version: int
    earned: int
    clawed: int
    shortfall: int
    remaining: int
    held: int
    expired: int
    active: bool
    scored: bool
    spend: int
    orders: int
    warned: int | None
    earned_at: datetime
    available_at: datetime | None
    expires_at: datetime | None
    changed: bool
    is_new: bool
    first: First | None
    told: int

    @classmethod
    def new(
        cls,
        lot_id: str,
        *,
        program_version: int,
        earned_at: datetime,
        available_at: datetime | None,
        expires_at: datetime | None,
        now: datetime,
        order_id: str | None = None,
        scored: bool = True,
    ) -> "LotRow":
        """An empty lot; it is active when its points could be spent now."""
        lot = cls()
        lot.lot_id, lot.order_id, lot.program_version = lot_id, order_id, program_version
        lot.earned = lot.clawed = lot.shortfall = lot.remaining = lot.held = lot.expired = lot.told = 0
        lot.active = available_at is not None and available_at <= now
        lot.scored, lot.spend, lot.orders, lot.warned = scored, 0, 0, None
        lot.earned_at, lot.available_at, lot.expires_at = earned_at, available_at, expires_at
        lot.changed = lot.is_new = True
        lot.first = None
        return lot

    @classmethod
    def read(cls, row: asyncpg.Record | tuple[Any, ...]) -> "LotRow":
        """A lot from its row."""
        lot = cls()
        (
            lot.lot_id,
            lot.order_id,
            lot.program_version,
            lot.earned,
            lot.clawed,
            lot.shortfall,
            lot.remaining,
            lot.held,
            lot.expired,
            lot.active,
            lot.scored,
            lot.spend,
            lot.orders,
            lot.warned,
            lot.earned_at,
            lot.available_at,
            lot.expires_at,
        ) = row[-len(LOT_COLUMNS) :]
        lot.changed = lot.is_new = False
        lot.first = None
        lot.told = lot.expired
        return lot

    @property
    def settled(self) -> int:
        """What the lot's order is worth as booked."""
        return self.earned - self.clawed - self.shortfall

    @property
    def account(self) -> Account:
        """What the settlement of the lot's order looks at."""
        return Account(
            earned=self.earned,
            clawed=self.clawed,
            shortfall=self.shortfall,
            pending=0 if self.active else self.remaining,
            active=self.remaining if self.active else 0,
            expired=self.expired,
        )

    @property
    def as_lot(self) -> Lot:
        """What the allocation of a spend looks at."""
        return Lot(self.lot_id, self.remaining, self.earned_at, self.expires_at)

    def values(self) -> tuple[Any, ...]:
        """The row, in the order of ``LOT_COLUMNS``."""
        return _values(self)


class Book:
    """One member. ``lots`` holds those that were read or made; ``all_open`` says that every open one is there.

    ``is_new`` says that this transaction made the member and has written nothing else of them yet.

    ``score`` is what the shop's tiers count in the present window, where the shop has tiers; ``used`` the counters of
    limits and caps that were read. ``scored`` says that what the tiers count changed since the last look (at first:
    since the member was read); ``balance_read`` is the balance of then, ``forgiven`` what orders owed of points that
    ran out since. ``forgotten_at`` is when they were last erased, also when they have come back (then ``erased_at`` is
    None).
    """

    shop_id: str
    customer_id: str
    seq: int
    balance: int
    pending: int
    held: int
    shortfall: int
    lifetime_earned: int
    lifetime_spend: int
    lifetime_orders: int
    orders_fixed: int
    active_at: datetime | None
    due_at: datetime | None
    erased_at: datetime | None
    created_at: datetime
    forgotten_at: datetime | None

    __slots__ = (
        "active_at",
        "all_open",
        "balance",
        "balance_read",
        "changed",
        "created_at",
        "customer_id",
        "due_at",
        "erased_at",
        "forgiven",
        "forgotten_at",
        "held",
        "is_new",
        "key",
        "lifetime_earned",
        "lifetime_orders",
        "lifetime_spend",
        "lots",
        "orders_fixed",
        "pending",
        "score",
        "scored",
        "seq",
        "shop_id",
        "shortfall",
        "standing",
        "tags",
        "used",
    )

    def __init__(self, row: asyncpg.Record | tuple[Any, ...], *, is_new: bool = False) -> None:
        level_id: str | None
        since: datetime | None
        until: datetime | None
        (
            self.shop_id,
            self.customer_id,
            self.seq,
            self.balance,
            self.pending,
            self.held,
            self.shortfall,
            self.lifetime_earned,
            self.lifetime_spend,
            self.lifetime_orders,
            self.orders_fixed,
            level_id,
            since,
            until,
            self.active_at,
            self.due_at,
            self.erased_at,
            self.created_at,
            self.forgotten_at,
            _,
        ) = row
        self.key: Key = (self.shop_id, self.customer_id)
        self.standing = Standing(level_id, since, until)
        self.lots: dict[str, LotRow] = {}
        self.is_new = self.all_open = is_new
        self.used: dict[str, tuple[int, int]] = {}
        self.tags: tuple[str, ...] = ()
        self.score = 0
        self.scored = False
        self.forgiven = 0
        self.balance_read = self.balance
        self.changed = False

    @property
    def deficit(self) -> int:
        """How far the balance is below 0."""
        return max(0, -self.balance)

    def spendable(self, now: datetime) -> list[Lot]:
        """The lots that a spend may take from."""
        return [
            lot.as_lot
            for lot in self.lots.values()
            if lot.active and lot.remaining > 0 and (lot.expires_at is None or lot.expires_at > now)
        ]

    def due_by(self, at: datetime | None) -> None:
        """Something of the member happens by itself at that instant: look again then."""
        if at is not None and (self.due_at is None or at < self.due_at):
            self.due_at = at
            self.changed = True
