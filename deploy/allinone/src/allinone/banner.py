"""What a newcomer reads when Comeback is up: the address, the key, three calls to copy."""

from datetime import datetime
from typing import TextIO

from allinone.data_dir import Keys
from allinone.settings import Settings

_TEXT = """
Comeback is up at {address}

  shop      {shop}
  key       {key}
  docs      {base}/docs
  mailbox   {base}/mailbox

1. Post an order (it earns points, sends a mail, asks a survey):

curl -s {base}/v1/events -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{{
  "id": "order-1001-paid", "type": "order.paid", "occurred_at": "{now}", "data": {{"order": {{
    "order_id": "1001", "placed_at": "{now}", "currency": "{currency}", "payment_state": "paid",
    "customer": {{"customer_id": "c1", "email": "ann@example.com", "first_name": "Ann"}},
    "lines": [{{"line_id": "1", "product_id": "coffee", "title": "Coffee",
               "quantity": 2, "unit_price": 1250, "total": 2500}}],
    "total": 2500}}}}}}'

2. Read the points it earned:

curl -s {base}/v1/loyalty/members/c1 -H 'Authorization: Bearer {key}'

3. Ask for everything a thank-you page needs (points, survey, what to offer next):

curl -s {base}/v1/post-purchase/1001 -H 'Authorization: Bearer {key}'

Ctrl-C ends it; started again it goes on where it stopped. `make demo` fills it with a believable shop.
"""


def show(settings: Settings, keys: Keys, now: datetime, out: TextIO) -> None:
    """Print it."""
    text = _TEXT.format(
        address=settings.address,
        base=settings.base_url,
        shop=settings.shop_id,
        key=keys.shop_key,
        currency=settings.shop_currency,
        now=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    out.write(text)
    out.flush()
