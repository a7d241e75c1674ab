"""The year of a shop in Berlin: what happens in it. What has to come of it is in ``year_tables``."""

from datetime import date

from tests.service.loyalty.lives import (
    berlin,
    buys,
    cancels,
    holds,
    merges,
    mornings,
    refunds,
    registers,
    returns,
    spends,
)
from tests.service.loyalty.world import Json

BEGIN = berlin("2030-12-02T09:00")
DAYS = mornings(date(2030, 12, 3), date(2032, 3, 1))
LIFE = [
    registers("2030-12-02", "lena", joined="2029-05-10", birthday="1990-08-20"),
    buys("2030-12-03", "lena", "L1", 30_000),
    buys("2030-12-05", "otto", "O1", 60_000),
    registers("2030-12-20", "pia", birthday="1996-02-29"),
    buys("2031-02-10", "lena", "L2", 20_000),
    spends("2031-03-15", "lena", 100, "basket-1"),
    buys("2031-03-20", "guest:7", "G1", 15_000),
    refunds("2031-04-01", "L2", 10_000),
    registers("2031-05-05", "nils", birthday="1988-06-15"),
    buys("2031-06-10", "nils", "N1", 10_000),
    merges("2031-06-20", "guest:7", "nils"),
    refunds("2031-07-05", "G1", 15_000),
    buys("2031-07-20", "lena", "L3", 50_000),
    buys("2031-08-31", "pia", "P1", 8_000),
    holds("2031-09-20", "pia", 60, "basket-2"),
    buys("2031-09-25", "nils", "N2", 10_000),
    buys("2031-10-05", "pia", "P2", 2_000),
    cancels("2031-10-10", "pia", "P2", 2_000, placed="2031-10-05"),
    buys("2031-10-19", "lena", "L4", 4_000),
    spends("2031-11-20", "lena", 300, "basket-3"),
    returns("2031-12-10", "lena", "basket-3"),
]
RULES = [
    {"id": "base", "points": 1, "per": 100},
    {"id": "first", "kind": "first_purchase", "points": 50},
    {"id": "birthday", "kind": "birthday", "points": 25},
    {"id": "anniversary", "kind": "anniversary", "points": 40},
]
LEVELS = [
    {"id": "silver", "threshold": 200, "benefits": {"multiplier": "1.2"}, "entry": {"points": 20}},
    {"id": "gold", "threshold": 500, "benefits": {"multiplier": "1.5"}, "entry": {"reward_ids": ["mug"]}},
]
ROLLING_PROGRAM: Json = {
    "rules": RULES,
    "pending": {"kind": "days", "days": 14},
    "expiry": {"kind": "rolling", "months": 6, "round_to": "month_end", "warn_days": [30, 7]},
    "tiers": {"window": "calendar_year", "until": "end_of_next", "downgrade": "one", "levels": LEVELS},
}
SLIDING_PROGRAM: Json = {
    "rules": RULES,
    "pending": {"kind": "days", "days": 14},
    "expiry": {"kind": "sliding", "months": 6, "warn_days": [30, 7]},
    "tiers": {"window": "rolling_12m", "downgrade": "one", "grace": "P13M", "levels": LEVELS},
}
MUG = {"reward_id": "mug", "kind": "free_product", "name": "Mug", "points": 0, "product_id": "m"}
