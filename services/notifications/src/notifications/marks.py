"""Writing outcomes down, as sets in one transaction: states, mails as they were sent, suppressed addresses, events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from comeback_kit.db import Connection
from notifications.events_out import publish
from notifications.mime import unfolded
from notifications.outcomes import Outcome

_FINAL: Final = frozenset({"sent", "bounced", "failed", "skipped"})

# A final state is true whoever holds the message now; a retry is only the holder's to decide.
_MARK: Final = """
    with found as (
      select w.*
      from messages m
      join unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::timestamptz[])
        as w(shop_id, id, state, reason, subject, reply, uncounted, next_at)
        on m.shop_id = w.shop_id and m.id = w.id
      where m.state = 'sending' and (w.state <> 'sending' or m.claim = $10)
      order by m.shop_id, m.id for update of m
    )
    update messages m set
      state = w.state, reason = w.reason, subject = coalesce(w.subject, m.subject), last_reply = w.reply,
      attempts = m.attempts - w.uncounted, next_at = w.next_at, claim = null,
      tried_at = case when w.state = 'sending' and w.uncounted = 0 then coalesce(m.tried_at, $9) else m.tried_at end,
      sent_at = case when w.state = 'sent' then $9::timestamptz end
    from found w where m.shop_id = w.shop_id and m.id = w.id
    returning m.shop_id, m.id, m.workflow, m.channel, m.customer_id, m.order_id, m.state, m.reason, m.traceparent"""


async def mark(tx: Connection, outcomes: Sequence[Outcome], *, owner: str, now: datetime) -> list[str]:
    """Write outcomes down; answer the ids of mails that left although their person had been erased meanwhile."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.message.key)
    rows = await tx.fetch(
        _MARK,
        [one.message.shop_id for one in ordered],
        [one.message.id for one in ordered],
        [one.state for one in ordered],
        [one.reason for one in ordered],
        [one.mail.subject if one.mail else None for one in ordered],
        [one.reply for one in ordered],
        [0 if one.counted else 1 for one in ordered],
        [one.next_at for one in ordered],
        now,
        owner,
    )
    marked = {(row["shop_id"], row["id"]) for row in rows}
    done = [one for one in ordered if one.message.key in marked]
    await _keep_mails(tx, [one for one in done if one.mail is not None], now)
    await _suppress(tx, [one for one in done if one.suppress], now)
    await publish(tx, [row for row in rows if row["state"] in _FINAL], now)
    return await _erased(tx, [one for one in ordered if one.message.key not in marked and one.mail is not None])


async def _keep_mails(tx: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    mails = [(one.message, one.mail) for one in outcomes if one.mail is not None]
    if not mails:
        return
    await tx.execute(
        """insert into mails (shop_id, message_id, to_address, from_address, headers, text_body, html_body, sent_at)
           select *, $8::timestamptz
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::text[])
           on conflict (shop_id, message_id) do nothing""",
        [message.shop_id for message, _ in mails],
        [message.id for message, _ in mails],
        [mail.to_address for _, mail in mails],
        [mail.from_address for _, mail in mails],
        [unfolded(mail) for _, mail in mails],
        [mail.text for _, mail in mails],
        [mail.html for _, mail in mails],
        now,
    )


async def _suppress(tx: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    found = {
        (one.message.shop_id, one.message.secrets.address_hash(one.mail.to_address))
        for one in outcomes
        if one.mail is not None
    }
    if not found:
        return
    keys = sorted(found)
    await tx.execute(
        """insert into suppressions (shop_id, address_hash, reason, at)
           select *, 'hard_bounce', $3::timestamptz from unnest($1::text[], $2::bytea[])
           on conflict (shop_id, address_hash) do nothing""",
        [key[0] for key in keys],
        [key[1] for key in keys],
        now,
    )


async def _erased(tx: Connection, outcomes: Sequence[Outcome]) -> list[str]:
    if not outcomes:
        return []
    rows: list[Any] = await tx.fetch(
        """select m.id from messages m join unnest($1::text[], $2::text[]) as w(shop_id, id)
             on m.shop_id = w.shop_id and m.id = w.id
           where m.reason = 'erased'""",
        [one.message.shop_id for one in outcomes],
        [one.message.id for one in outcomes],
    )
    return [row["id"] for row in rows]
