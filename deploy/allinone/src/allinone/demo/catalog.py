"""What the demo shop sells: a coffee shop's catalog, and which products go together."""

from dataclasses import dataclass
from typing import Any

_PRODUCTS = {
    "Espresso": (
        "beans",
        [("Santos", 1290), ("Sidamo", 1490), ("Monsoon", 1390), ("Decaf", 1350), ("House blend", 1150)],
    ),
    "Filter": ("beans", [("Kenya AA", 1590), ("Huehuetenango", 1450), ("Yirgacheffe", 1550), ("Sumatra", 1390)]),
    "Machines": (
        "machines",
        [("Moka pot", 3900), ("Lever machine", 24900), ("Filter machine", 8900), ("French press", 3200)],
    ),
    "Grinders": ("grinders", [("Hand grinder", 5900), ("Burr grinder", 14900), ("Travel grinder", 4500)]),
    "Cups": ("cups", [("Espresso cup", 900), ("Cappuccino cup", 1100), ("Travel mug", 2400), ("Glass set", 1900)]),
    "Filters": ("filters", [("Paper filters 02", 450), ("Paper filters 04", 490), ("Steel filter", 1900)]),
    "Care": ("care", [("Descaler", 790), ("Cleaning tabs", 1090), ("Group brush", 650), ("Milk system cleaner", 890)]),
    "Sweets": ("sweets", [("Amarettini", 590), ("Cantuccini", 690), ("Dark chocolate", 490), ("Biscotti", 640)]),
    "Tea": ("tea", [("Sencha", 1190), ("Earl Grey", 890), ("Rooibos", 790), ("Chamomile", 690)]),
    "Milk": ("milk", [("Oat barista", 290), ("Milk frother", 4900), ("Milk jug", 1700)]),
}

_COMPLEMENTS = {
    "beans": [("filters", 0.25), ("sweets", 0.22), ("cups", 0.08), ("milk", 0.12)],
    "machines": [("beans", 0.7), ("care", 0.5), ("grinders", 0.35), ("cups", 0.4)],
    "grinders": [("beans", 0.6), ("care", 0.2)],
    "cups": [("beans", 0.3), ("sweets", 0.2)],
    "filters": [("beans", 0.75)],
    "care": [("beans", 0.3)],
    "sweets": [("beans", 0.3), ("tea", 0.3)],
    "tea": [("sweets", 0.4), ("cups", 0.15)],
    "milk": [("beans", 0.5), ("cups", 0.15)],
}
_SOLD_FIRST = {
    "beans": 10.0,
    "tea": 4.0,
    "sweets": 2.0,
    "machines": 1.2,
    "filters": 1.5,
    "cups": 1.2,
    "milk": 1.2,
    "grinders": 0.7,
    "care": 0.8,
}


@dataclass(frozen=True)
class Product:
    """One product; ``price`` in minor units, ``lasts_days`` where people buy it again."""

    product_id: str
    title: str
    price: int
    category: str
    kind: str

    @property
    def lasts_days(self) -> int | None:
        return {"beans": 30, "tea": 45, "filters": 60, "care": 90, "milk": 20}.get(self.category)

    def data(self, currency: str, at: str) -> dict[str, Any]:
        """The data of ``product.upserted``."""
        return {
            "product_id": self.product_id,
            "title": self.title,
            "price": self.price,
            "currency": currency,
            "category_ids": [self.category],
            "product_type": self.kind,
            "brand": "Kaffeewerk",
            "in_stock": True,
            "tags": [self.category],
            "manual_urls": [],
            "lifetime_days": self.lasts_days,
            "updated_at": at,
        }


def products() -> list[Product]:
    """Every product, in a fixed order."""
    made = []
    for kind, (category, items) in _PRODUCTS.items():
        for title, price in items:
            product_id = f"{category}-{title.lower().replace(' ', '-')}"
            made.append(Product(product_id, title, price, category, kind))
    return made


def first_weights(catalog: list[Product]) -> list[float]:
    """How often each product starts a basket."""
    return [_SOLD_FIRST[product.category] for product in catalog]


def complements(category: str) -> list[tuple[str, float]]:
    """Categories that join a basket, with their chances."""
    return _COMPLEMENTS.get(category, [])
