"""Read models: lists of messages, one message with its mail, an order's messages."""

from datetime import datetime
from typing import Any, Final

from comeback_kit.db import Connection
from comeback_kit.paging import Page, decode_cursor, encode_cursor
from notifications import contacts
from notifications.order_facts import facts_of
from notifications.rendering import Draft, Shop, subject_of
from notifications.schemas import Mail, Message, MessageDetail, PostPurchase, PostPurchaseMessage

# What a subject is made of is read only for messages that have none: those that were not composed (yet).
_COLUMNS: Final = """
    m.id, m.workflow, m.channel, m.customer_id, m.order_id, m.state, m.reason, m.subject, m.data, m.needs_order,
    m.attempts, m.last_reply, m.created_at, m.next_at, m.sent_at,
    case when m.subject is null then o.state end as order_state, c.fields, s.name, s.url, s.time_zone, s.locale,
    m.shop_id, d.to_address"""
# A mail that is not there any more (an erasure, its age) was sent all the same.
_NOT_SENT: Final = "d.message_id is null and m.state not in ('sent', 'delivered', 'bounced')"
_JOINS: Final = """
    left join mails d on d.shop_id = m.shop_id and d.message_id = m.id
    left join customers c on c.shop_id = m.shop_id and c.customer_id = m.customer_id
    left join orders o on o.shop_id = m.shop_id and o.order_id = m.order_id and m.order_id <> ''
    left join shops s on s.shop_id = m.shop_id"""


async def canonical(tx: Connection, shop_id: str, customer_id: str) -> str:
    """The account that a customer is now (after merges)."""
    into = await tx.fetchval(
        "select into_id from customers where shop_id = $1 and customer_id = $2", shop_id, customer_id
    )
    return customer_id if into is None else str(into)


async def messages_page(
    tx: Connection,
    shop_id: str,
    *,
    customer_id: str | None = None,
    order_id: str | None = None,
    mailed: bool | None = None,
    limit: int,
    cursor: str | None,
) -> Page[Message]:
    """Messages, newest first. ``mailed``: only those whose mail is there, or only those that were not sent."""
    conditions, values = ["m.shop_id = $1"], [shop_id]

    def add(condition: str, value: str) -> None:
        values.append(value)
        conditions.append(condition.format(f"${len(values)}"))

    if customer_id is not None:
        add("m.customer_id = {}", await canonical(tx, shop_id, customer_id))
    if order_id is not None:
        add("m.order_id = {}", order_id)
    if mailed is not None:
        conditions.append("d.message_id is not null" if mailed else _NOT_SENT)
    if cursor is not None:
        add("m.id < {}", str(decode_cursor(cursor, 1)[0]))
    rows = await tx.fetch(
        f"select {_COLUMNS} from messages m {_JOINS} where {' and '.join(conditions)} "
        f"order by m.id desc limit {limit + 1}",
        *values,
    )
    items = [_message(row) for row in rows[:limit]]
    return Page[Message](items=items, next_cursor=encode_cursor(items[-1].id) if len(rows) > limit else None)


async def message(tx: Connection, shop_id: str, message_id: str) -> MessageDetail | None:
    """One message with its mail."""
    row = await tx.fetchrow(
        f"""select {_COLUMNS}, d.from_address, d.headers, d.text_body, d.html_body
            from messages m {_JOINS}
            where m.shop_id = $1 and m.id = $2""",
        shop_id,
        message_id,
    )
    return None if row is None else MessageDetail(**_message(row).model_dump(), mail=_mail(row))


async def post_purchase(tx: Connection, shop_id: str, order_id: str, customer_id: str | None) -> PostPurchase | None:
    """The messages of an order, or None where it is not known, or is not the given customer's."""
    order = await tx.fetchrow(
        """select o.customer_id, coalesce(c.into_id, o.customer_id) as account
           from orders o left join customers c on c.shop_id = o.shop_id and c.customer_id = o.customer_id
           where o.shop_id = $1 and o.order_id = $2 and o.state ? 'updated_at'""",
        shop_id,
        order_id,
    )
    if order is None or (customer_id is not None and customer_id not in (order["customer_id"], order["account"])):
        return None
    rows = await tx.fetch(
        "select workflow, channel, state from messages where shop_id = $1 and order_id = $2 order by id",
        shop_id,
        order_id,
    )
    return PostPurchase(messages=[PostPurchaseMessage(**dict(row)) for row in rows])


async def shop_of(tx: Connection, shop_id: str) -> Shop:
    """What a page says about its shop."""
    row = await tx.fetchrow("select name, url, time_zone, locale from shops where shop_id = $1", shop_id)
    return Shop(shop_id) if row is None else Shop(row["name"], row["url"], row["time_zone"], row["locale"])


def _message(row: Any) -> Message:
    waiting = row["state"] == "waiting"
    next_at: datetime | None = row["next_at"] if row["state"] == "sending" else None
    return Message(
        id=row["id"],
        workflow=row["workflow"],
        channel=row["channel"],
        customer_id=row["customer_id"],
        order_id=row["order_id"] or None,
        to=row["to_address"],
        state=row["state"],
        reason=row["reason"],
        subject=row["subject"] if row["subject"] is not None else _subject(row),
        waiting_for=("order" if row["needs_order"] else "contact") if waiting else None,
        attempts=row["attempts"],
        last_reply=row["last_reply"],
        created_at=row["created_at"],
        next_attempt_at=next_at,
        sent_at=row["sent_at"],
    )


def _subject(row: Any) -> str:
    draft = Draft(
        workflow=row["workflow"],
        shop=Shop(row["name"] or row["shop_id"], row["url"], row["time_zone"] or "UTC", row["locale"]),
        first_name=None,
        locale=contacts.value(contacts.from_json(row["fields"] or {}), "locale"),
        order=facts_of(row["order_state"]),
        data=row["data"],
        preferences_url="",
        public_url="",
    )
    return subject_of(draft)


def _mail(row: Any) -> Mail | None:
    if row["to_address"] is None:
        return None
    return Mail(
        sender=row["from_address"],
        headers=row["headers"],
        text=row["text_body"],
        html=row["html_body"],
    )
