"""What to offer next: for a product, a basket, an order and a customer, from every order up to the last second.

Owns the shop's order lines as recommendations see them, the engine in memory that follows them, placements, what was
shown and what came of it. Consumes orders, customers, catalog, feedback; publishes `replenishment.due`.
"""
