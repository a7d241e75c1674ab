"""One request's transaction on members of one shop: lock, catch up with what is due, act, write."""

from datetime import datetime

from comeback_kit.db import Connection
from loyalty import due, lot_care, members, posting, program_store, tiers
from loyalty.books import Book
from loyalty.errors import MemberUnknown
from loyalty.ledger import Ledger
from loyalty.notices import Notices
from loyalty.program_store import Shop, ShopCache


class Desk:
    """What a use case needs at hand for the members of one shop; ``close`` writes it all."""

    def __init__(self, shop: Shop, now: datetime) -> None:
        self.shop = shop
        self.shop_id = shop.shop_id
        self.now = now
        self.ledger = Ledger(now)
        self.notices = Notices(now)

    @classmethod
    async def open(cls, tx: Connection, cache: ShopCache, shop_id: str, now: datetime) -> "Desk":
        """Read the shop. Raises ``ProgramUnknown`` (404)."""
        return cls(await program_store.load_one(tx, cache, shop_id), now)

    async def member(self, tx: Connection, customer_id: str, *, create: bool = False) -> Book:
        """Lock one member, with what was due done. Raises ``MemberUnknown`` (404)."""
        return (await self.members(tx, [customer_id], create=create))[customer_id]

    async def members(
        self, tx: Connection, customer_ids: list[str], *, create: bool = False, erased: bool = False
    ) -> dict[str, Book]:
        """Lock members by the ids that were asked for. Raises ``MemberUnknown`` (404), for erased ones too."""
        keys = [(self.shop_id, customer_id) for customer_id in customer_ids]
        books = await members.lock(tx, keys, self.now, create=create)
        if any(key not in books or (books[key].erased_at is not None and not erased) for key in keys):
            raise MemberUnknown
        for book in books.values():
            self.ledger.enroll(book)
        await due.catch_up(tx, self.ledger, {self.shop_id: self.shop}, self.notices)
        return {customer_id: books[self.shop_id, customer_id] for customer_id in customer_ids}

    def slide(self, book: Book) -> None:
        """The member did something now: with sliding expiry that keeps their points."""
        if book.all_open:
            lot_care.slide(self.shop, book, self.now)

    async def close(self, tx: Connection) -> None:
        """Look at the tiers of whom something changed, and write members, ledger and events."""
        changed = [book for book in self.ledger.books.values() if book.changed]
        if self.shop.current.tiers.levels and changed:
            await posting.flush(tx, self.ledger)
            await tiers.read_scores(tx, {self.shop_id: self.shop}, changed, self.now)
            for book in changed:
                tiers.look(self.ledger, self.shop, book, self.now, self.notices)
        await posting.flush(tx, self.ledger)
        await self.notices.send(tx)
