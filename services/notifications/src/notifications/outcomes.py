"""What an attempt leads to: the message's next state. Pure."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from notifications.claims import Claimed
from notifications.consents import subscribed
from notifications.instants import sortable
from notifications.mime import Mail
from notifications.transport import Verdict
from notifications.workflows import WORKFLOWS, Reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to write down about one claimed message. ``counted``: whether the attempt was one (``away`` is none)."""

    message: Claimed
    state: Literal["sent", "bounced", "failed", "skipped", "sending"]
    reason: Reason | None = None
    reply: str | None = None
    mail: Mail | None = None
    next_at: datetime | None = None
    counted: bool = True
    suppress: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How retries are spaced: ``first`` doubled each time up to ``most``, until ``give_up`` after the first refusal."""

    first: timedelta
    most: timedelta
    give_up: timedelta

    def wait(self, attempts: int) -> timedelta:
        """How long until the next attempt, a quarter more or less, so that retries do not come in waves."""
        doubled: timedelta = self.first * 2 ** min(attempts - 1, 20)
        return min(doubled, self.most) * random.uniform(0.75, 1.25)  # noqa: S311  # spreads load, guards nothing


def refuse(message: Claimed, now: datetime) -> Outcome | None:
    """Why a due message is not sent, or None. Asked at the last moment, so that a late no still counts."""
    if message.address is None:
        return Outcome(message, "skipped", "no_contact")
    if message.suppressed:
        return Outcome(message, "skipped", "suppressed")
    if not subscribed(WORKFLOWS[message.workflow].category, message.stated):
        return Outcome(message, "skipped", "unsubscribed")
    if message.data.get("expires_at", sortable(now)) < sortable(now):
        return Outcome(message, "skipped", "too_old")  # its link no longer opens anything
    return None


def outcome_of(message: Claimed, mail: Mail, verdict: Verdict, patience: Patience, now: datetime) -> Outcome:
    """The outcome of an attempt."""
    if verdict.kind == "sent":
        return Outcome(message, "sent", reply=verdict.reply, mail=mail)
    if verdict.kind == "bounced":
        return Outcome(message, "bounced", "refused", verdict.reply, mail, suppress=verdict.suppress)
    if verdict.kind == "failed":
        return Outcome(message, "failed", "invalid_address", verdict.reply, mail)
    if verdict.kind == "away":
        return Outcome(message, "sending", reply=verdict.reply, next_at=now, counted=False)
    if message.tried_at is not None and now - message.tried_at >= patience.give_up:
        return Outcome(message, "failed", "undeliverable", verdict.reply, mail)
    return Outcome(message, "sending", reply=verdict.reply, next_at=now + patience.wait(message.attempts))
