"""Request and response bodies."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from comeback_kit.http import Answer, Body

State = Literal["waiting", "sending", "sent", "delivered", "bounced", "skipped", "failed"]


class Message(Answer):
    """One message, sent or not."""

    id: str
    workflow: str = Field(examples=["order_confirmation"])
    channel: str
    customer_id: str
    order_id: str | None
    to: str | None = Field(description="the address it was sent to; null as long as it was not")
    state: State
    reason: str | None = Field(description="why it was not sent: `too_old`, `no_contact`, `suppressed`, …")
    subject: str = Field(description="as it was sent; while it was not, as it would read now")
    waiting_for: Literal["contact", "order"] | None = Field(description="what a message in state `waiting` waits for")
    attempts: int = Field(description="how often it was handed to the mail server")
    last_reply: str | None = Field(description="the mail server's last answer")
    created_at: datetime
    next_attempt_at: datetime | None = Field(description="when a message in state `sending` is tried (again)")
    sent_at: datetime | None


class Mail(Answer):
    """A mail as it was handed over."""

    sender: str = Field(serialization_alias="from")
    headers: dict[str, str]
    text: str
    html: str


class MessageDetail(Message):
    """One message with its mail, which is null as long as none was handed over, and after the person's erasure."""

    mail: Mail | None


class PostPurchaseMessage(Answer):
    """One message of an order, in brief."""

    workflow: str
    channel: str
    state: State


class PostPurchase(Answer):
    """What a thank-you page needs to know about messages."""

    messages: list[PostPurchaseMessage]


class Preferences(Answer):
    """Which kinds of mail a customer gets."""

    customer_id: str
    categories: dict[str, bool] = Field(examples=[{"orders": True, "points": True, "surveys": False}])
    required: list[str] = Field(description="categories that belong to an order and cannot be turned off")
    url: str = Field(description="the customer's own preference page")


class PreferencesChange(Body):
    """Categories to turn on or off; those left out stay as they are."""

    categories: dict[str, Annotated[bool, Field(strict=True)]] = Field(max_length=20)
