"""From a claimed message to a finished mail: rendered, signed links, headers. Pure but for the package's templates."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from notifications import contacts, links
from notifications.addresses import usable
from notifications.claims import Claimed
from notifications.ids import key_hash, mail_id
from notifications.links import PreferenceLink
from notifications.mime import Mail
from notifications.order_facts import facts_of
from notifications.rendering import Draft, render
from notifications.workflows import WORKFLOWS


@dataclass(frozen=True, slots=True)
class Sender:
    """Who mails come from, and where their links lead."""

    address: str
    public_url: str

    @property
    def domain(self) -> str:
        """The right side of ``Message-ID``."""
        return self.address.rpartition("@")[2]


def sender_for(mail_from: str | None, public_url: str) -> Sender:
    """The configured sender, else ``no-reply@`` the public host (``localhost`` where that has no name)."""
    host = urlsplit(public_url).hostname or "localhost"
    address = usable(mail_from or f"no-reply@{host}") or "no-reply@localhost"
    return Sender(address, public_url)


def preferences_url(message: Claimed, sender: Sender) -> str:
    """The signed address of the customer's preferences, for the category of this message."""
    link = PreferenceLink(message.shop_id, message.customer_id, WORKFLOWS[message.workflow].category)
    return f"{sender.public_url}/p/{links.sign(link, message.secrets.link_keys)}"


def compose(message: Claimed, address: str, sender: Sender, now: datetime) -> Mail:
    """The mail of a message to ``address``. The same message has the same ``Message-ID`` whenever it is composed."""
    url = preferences_url(message, sender)
    first_name = contacts.value(message.fields, "first_name")
    draft = Draft(
        workflow=message.workflow,
        shop=message.shop,
        first_name=first_name,
        locale=contacts.value(message.fields, "locale"),
        order=facts_of(message.order_state),
        data=message.data,
        preferences_url=url,
        public_url=sender.public_url,
    )
    rendered = render(draft)
    key = key_hash(message.shop_id, message.workflow, message.recipient, message.order_id, message.occasion)
    names = [first_name, contacts.value(message.fields, "last_name")]
    return Mail(
        message_id=mail_id(key, sender.domain),
        date=now,
        from_name=message.shop.name,
        from_address=sender.address,
        to_name=" ".join(name for name in names if name),
        to_address=address,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        language=rendered.language,
        headers={"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
