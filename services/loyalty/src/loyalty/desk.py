"""One request's transaction on members of one shop: lock, catch up with what is due, act, write."""

from datetime import datetime

from comeback_kit.db import Connection
from loyalty import due, lot_care, members, posting, program_store, redemption_rows, rewards, tiers, till
from loyalty.books import Book
from loyalty.errors import MemberUnknown, RedemptionUnknown
from loyalty.ledger import Ledger
from loyalty.notices import Notices
from loyalty.program_store import ShopCache
from loyalty.redemption_rows import Redemption
from loyalty.rewards import Reward
from loyalty.shop import Shop


class Desk:
    """What a use case needs at hand for the members of one shop; ``close`` writes it all."""

    def __init__(self, shop: Shop, now: datetime) -> None:
        self.shop = shop
        self.shop_id = shop.shop_id
        self.now = now
        self.ledger = Ledger(now)
        self.notices = Notices(now)
        self._unsure: ShopCache | None = None

    @classmethod
    async def open(cls, tx: Connection, cache: ShopCache, shop_id: str, now: datetime) -> "Desk":
        """Read the shop. Raises ``ProgramUnknown`` (404)."""
        return cls(await program_store.load_one(tx, cache, shop_id), now)

    @classmethod
    async def expect(cls, tx: Connection, cache: ShopCache, shop_id: str, now: datetime) -> "Desk":
        """The same for one who locks a member next: a shop that is kept is looked at with the member's lock."""
        kept = cache.get(shop_id)
        if kept is None:
            return await cls.open(tx, cache, shop_id, now)
        desk = cls(kept, now)
        desk._unsure = cache
        return desk

    async def member(self, tx: Connection, customer_id: str, *, create: bool = False) -> Book:
        """Lock one member, with what was due done. Raises ``MemberUnknown`` (404)."""
        found = await till.lock_member(tx, self.shop_id, customer_id)
        if found is None:
            await self._ensure(tx)
            return (await self.members(tx, [customer_id], create=create))[customer_id]
        await self._enter(tx, found)
        return found.book

    async def member_and_reward(
        self, tx: Connection, customer_id: str, reward_id: str, *, create: bool = False
    ) -> tuple[Book, Reward]:
        """Lock one member as ``member`` does, and read a reward. Raises ``RewardUnknown`` (404) too."""
        found = await till.lock_for_reward(tx, self.shop_id, customer_id, reward_id)
        if found is None:
            book = await self.member(tx, customer_id, create=create)
            return book, await rewards.get(tx, self.shop_id, reward_id)
        await self._enter(tx, found[0])
        return found[0].book, found[1]

    async def redemption(self, tx: Connection, redemption_id: str) -> tuple[Book, Redemption]:
        """Lock a redemption's member, with what was due done, and the redemption; its open lots are read.

        Raises ``RedemptionUnknown`` (404).
        """
        found = await till.lock_redemption(tx, self.shop_id, redemption_id)
        if found is None:
            await self._ensure(tx)
            return await self._redemption_of_another(tx, redemption_id)
        (locked, one), book = found, found[0].book
        await self._enter(tx, locked)
        if one.state == "held":
            await till.read_lots(tx, book)
        else:
            await members.read_lots(tx, [book], {book.key: [take.lot_id for take in one.takes]})
        return book, one

    async def _redemption_of_another(self, tx: Connection, redemption_id: str) -> tuple[Book, Redemption]:
        """The same for the redemption of a member who is erased. Whoever was merged meanwhile may be locked already."""
        seen = await redemption_rows.find(tx, self.shop_id, redemption_id)
        if seen is None:
            raise RedemptionUnknown
        book = (await self.members(tx, [seen.customer_id], erased=True))[seen.customer_id]
        if book.erased_at is None:
            raise members.merged_meanwhile()
        (one,) = await redemption_rows.lock(tx, [seen.key])
        await members.read_lots(tx, [book], {book.key: [take.lot_id for take in one.takes]})
        return book, one

    async def _ensure(self, tx: Connection, revision: int | None = None) -> None:
        """Read the shop unless it is known to be the present one."""
        if self._unsure is not None and revision != self.shop.revision:
            self.shop = await program_store.load_one(tx, self._unsure, self.shop_id)
        self._unsure = None

    async def _enter(self, tx: Connection, found: till.Locked) -> None:
        await self._ensure(tx, found.revision)
        self.ledger.enroll(found.book)
        await due.catch_up(tx, self.ledger, {self.shop_id: self.shop}, self.notices)

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
        await self.review(tx)
        await posting.flush(tx, self.ledger)
        await self.notices.send(tx)

    async def note(self, tx: Connection) -> None:
        """``close``, but for what follows from tiers: that waits for the end of the transaction's work."""
        await self.review(tx)
        await posting.write_posted(tx, self.ledger)
        await self.notices.send(tx)

    async def review(self, tx: Connection) -> None:
        """Look at the tiers of whom something changed; the caller writes."""
        changed = [book for book in self.ledger.books.values() if book.changed]
        if self.shop.current.tiers.levels and changed:
            await posting.write_posted(tx, self.ledger)
            await tiers.read_scores(tx, {self.shop_id: self.shop}, changed, self.now)
            for book in changed:
                tiers.look(self.ledger, self.shop, book, self.now, self.notices)
