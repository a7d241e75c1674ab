"""What an order confirmation says about its order. Pure."""

from typing import Any, Final

from notifications.language import Language
from notifications.mime import clean_text
from notifications.order_facts import OrderFacts

MOST_LINES: Final = 100  # a mail of a wholesale order stays readable, and under the size that mail programs cut off


def order_words(order: OrderFacts, language: Language, time_zone: str) -> dict[str, Any]:
    """The words of the confirmation's templates."""
    date = language.date(order.placed_at, time_zone)
    number = clean_text(order.number)
    key = "order_confirmation.cancelled" if order.cancelled else "order_confirmation"
    total = language.money(order.total, order.currency)
    more = len(order.lines) - MOST_LINES
    tax_note = order.tax_included and order.tax > 0
    return {
        "title": language.say(f"{key}.title"),
        "lead": language.say(f"{key}.lead", number=number, date=date),
        "preheader": language.say("order_confirmation.preheader", total=total, date=date),
        "order": {
            "heading": language.say("order.number", number=number),
            "say_items": language.say("order.items"),
            "lines": [
                {
                    "title": clean_text(line.title),
                    "quantity": language.number(line.quantity),
                    "total": language.money(line.total, order.currency),
                }
                for line in order.lines[:MOST_LINES]
            ],
            "more": language.say("order.more", more, more=language.number(more)) if more > 0 else "",
            "sums": _sums(order, language),
            "say_total": language.say("order.total"),
            "total": total,
            "tax_note": language.say("order.tax_included", amount=language.money(order.tax, order.currency))
            if tax_note
            else "",
            "say_refunded": language.say("order.refunded"),
            "refunded": language.money(order.refunded, order.currency) if order.refunded else "",
        },
    }


def _sums(order: OrderFacts, language: Language) -> list[dict[str, str]]:
    def money(amount: int) -> str:
        return language.money(amount, order.currency)

    rows = [("order.subtotal", money(sum(line.total for line in order.lines)))]
    if order.discount:
        rows.append(("order.discount", money(-order.discount)))
    rows.append(("order.shipping", money(order.shipping) if order.shipping else language.say("order.shipping_free")))
    if order.tax and not order.tax_included:
        rows.append(("order.tax", money(order.tax)))
    if order.tip:
        rows.append(("order.tip", money(order.tip)))
    return [{"label": language.say(key), "amount": amount} for key, amount in rows]
