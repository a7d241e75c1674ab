"""Plumbing that every Comeback service stands on: database, event log, consumer, outbox, timers, HTTP manners.

It knows no business word: what an order or a point is, only the contracts and the services know.
"""
