"""What sells with what, in memory: one engine per shop, fed by orders, read by every answer.

Owns the newest orders of every product, every customer's own orders and the decayed popularity of products, and
the scores made of them (shared/research/recs-v2.md). There is no table of pairs and no training job: an order is in
the answer as soon as it is put, and out of it as soon as it is taken back. No I/O, no clock, no ids made here.

One writer and any number of readers live on one event loop. `put`, `remove`, `forget` and every read are synchronous,
so a reader sees all of an order or nothing of it, without a lock.
"""

from recommendations.engine.purchase import Purchase
from recommendations.engine.ranking import Ranked
from recommendations.engine.shop import ShopEngine

__all__ = ["Purchase", "Ranked", "ShopEngine"]
