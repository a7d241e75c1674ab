"""The demo shop's customers: names, habits, languages. Every address ends in example.com and reaches nobody."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

_FIRST = """Ada Ben Chiara David Elif Finn Greta Hugo Ines Jonas Klara Luca Mia Noah Olga Paul Quentin Rosa Sara Tom
    Uma Viktor Wanda Yara Zoe""".split()
_LAST = """Abel Bauer Costa Dubois Engel Ferrari Garcia Huber Ivanov Jansen Keller Lehmann Moreau Novak Olsen Peters
    Rossi Schmidt Tanaka Ullrich Vogel Weber Young Ziegler""".split()
_LOCALES = [("de-DE", "DE", 5), ("en-GB", "GB", 3), ("fr-FR", "FR", 2), ("es-ES", "ES", 1)]


@dataclass
class Customer:
    """One person and how they shop. ``every_days``: mean days between two orders; ``liked``: what they keep buying."""

    customer_id: str
    first_name: str
    last_name: str
    locale: str
    country: str
    since: datetime
    every_days: float
    liked: list[str] = field(default_factory=list)

    @property
    def email(self) -> str:
        return f"{self.first_name}.{self.last_name}.{self.customer_id}@example.com".lower()

    def data(self) -> dict[str, Any]:
        """The data of ``customer.registered``."""
        return {
            "customer_id": self.customer_id,
            "email": self.email,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "locale": self.locale,
            "country": self.country,
            "updated_at": self.since.isoformat(),
        }


def customers(count: int, rng: random.Random, start: datetime, days: int) -> list[Customer]:
    """``count`` people who came over the year; one in five shops often."""
    made = []
    for number in range(count):
        locale, country, _ = rng.choices(_LOCALES, weights=[weight for *_, weight in _LOCALES])[0]
        made.append(
            Customer(
                customer_id=f"c{number + 1:05d}",
                first_name=rng.choice(_FIRST),
                last_name=rng.choice(_LAST),
                locale=locale,
                country=country,
                since=start + timedelta(days=days * rng.random() ** 1.3),
                every_days=rng.uniform(15, 35) if rng.random() < 0.2 else rng.uniform(60, 260),
            )
        )
    return made
