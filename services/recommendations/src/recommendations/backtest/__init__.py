"""What would have been offered, and what was bought: the shop's own orders, replayed one by one.

Owns the replay, its metrics, and the report as JSON and as a page. No I/O but for ``jobs.py``.
"""
