from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from notifications.claims import Claimed
from notifications.mime import Mail
from notifications.outcomes import Patience, outcome_of, refuse
from notifications.rendering import Shop
from notifications.shop_secrets import ShopSecrets
from notifications.smtp import judge
from notifications.transport import Verdict

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PATIENCE = Patience(timedelta(seconds=1), timedelta(seconds=900), timedelta(hours=24))
MAIL = Mail("<a@b>", NOW, "", "a@b.example", "", "c@d.example", "s", "t", "h", "en", {})
AT = "2026-01-01T00:00:00.000000Z"


def claimed(**changes: Any) -> Claimed:
    fields: dict[str, Any] = {
        "shop_id": "demo", "id": "msg_1", "workflow": "survey_invitation", "recipient": "c1", "customer_id": "c1",
        "order_id": "", "occasion": "", "data": {}, "attempts": 1, "tried_at": None,
        "fields": {"email": ("ada@example.com", AT)}, "order_state": None, "shop": Shop("Shop"), "stated": {},
        "secrets": ShopSecrets(b"s", (b"k",)), "suppressed": False,
    }  # fmt: skip
    return Claimed(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"suppressed": True}, "suppressed"),
        ({"suppressed": True, "workflow": "order_confirmation"}, "suppressed"),
        ({"stated": {"surveys": "unsubscribed"}}, "unsubscribed"),
        ({"stated": {"surveys": "unsubscribed"}, "workflow": "order_confirmation"}, None),
        ({"fields": {}}, "no_contact"),
        ({"data": {"expires_at": "2026-11-24T11:00:00.000000Z"}}, "too_old"),
        ({"data": {"expires_at": "2026-11-25T11:00:00.000000Z"}}, None),
    ],
)
def test_a_due_message_is_refused_at_the_last_moment(changes: dict[str, Any], reason: str | None) -> None:
    refused = refuse(claimed(**changes), NOW)
    assert (None if refused is None else refused.reason) == reason


def test_a_temporary_refusal_is_tried_again_later_and_later_then_given_up() -> None:
    waits = []
    for attempts in range(1, 15):
        outcome = outcome_of(claimed(attempts=attempts), MAIL, Verdict("retry", "451"), PATIENCE, NOW)
        assert outcome.state == "sending"
        assert outcome.next_at is not None
        waits.append(outcome.next_at - NOW)
    assert timedelta(seconds=0.75) <= waits[0] <= timedelta(seconds=1.25)
    assert waits[5] > waits[0]
    assert max(waits) <= timedelta(seconds=900 * 1.25)
    late = outcome_of(claimed(tried_at=NOW - timedelta(hours=24)), MAIL, Verdict("retry", "451"), PATIENCE, NOW)
    assert (late.state, late.reason) == ("failed", "undeliverable")


def test_an_absent_server_costs_no_attempt() -> None:
    late = claimed(tried_at=NOW - timedelta(hours=99))
    outcome = outcome_of(late, MAIL, Verdict("away", "no"), PATIENCE, NOW)
    assert (outcome.state, outcome.counted) == ("sending", False)


def _rcpt(code: int, message: str) -> Exception:
    return SMTPRecipientsRefused([SMTPRecipientRefused(code, message, "ada@example.com")])


@pytest.mark.parametrize(
    ("error", "kind", "suppress"),
    [
        (_rcpt(550, "5.1.1 <ada@example.com> no such user"), "bounced", True),
        (_rcpt(556, "5.1.10 null MX"), "bounced", True),
        (_rcpt(550, "5.7.1 blocked"), "bounced", False),
        (_rcpt(550, "no such user"), "bounced", False),
        (_rcpt(550, "5.1.8 bad sender"), "bounced", False),
        (_rcpt(451, "4.7.1 greylisted"), "retry", False),
        (SMTPDataError(554, "5.7.1 looks like spam"), "bounced", False),
        (SMTPDataError(454, "4.7.0 throttled"), "retry", False),
        (SMTPSenderRefused(530, "5.7.0 authenticate first", "a@b"), "away", False),
        (SMTPSenderRefused(552, "5.3.4 too big", "a@b"), "bounced", False),
        (SMTPSenderRefused(451, "4.3.0 later", "a@b"), "retry", False),
        (SMTPAuthenticationError(535, "5.7.8 no"), "away", False),
        (SMTPConnectError("refused"), "away", False),
        (SMTPServerDisconnected("gone"), "retry", False),
        (SMTPNotSupported("SMTPUTF8"), "failed", False),
        (TimeoutError(), "retry", False),
    ],
)
def test_a_servers_answer_is_understood(error: Exception, kind: str, suppress: bool) -> None:
    verdict = judge(error, "ada@example.com")
    assert (verdict.kind, verdict.suppress) == (kind, suppress)
    assert "ada@example.com" not in verdict.reply


def test_any_bytes_of_an_answer_can_be_kept() -> None:
    words = b"5.1.1 Empf\xe4nger\x00 unbekannt\x1b[0m".decode("utf-8", "surrogateescape")
    assert judge(_rcpt(550, words), "ada@example.com").reply == "550 5.1.1 Empf?nger unbekannt [0m"
    away = judge(SMTPSenderRefused(550, words, "a@b"), "ada@example.com").reply
    assert away == "the server refuses the sender: 550 5.1.1 Empf?nger unbekannt [0m"
