"""Points, tiers, rewards: the service that owns every point of a shop's customers.

Owns the program, members, the double-entry ledger with its lots, rewards and redemptions. Consumes shops, orders,
customers and activity; publishes ``comeback.loyalty.v1``.
"""
