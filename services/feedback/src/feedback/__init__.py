"""Feedback: the shop's surveys, who is asked when, the hosted survey page, the answers and their scores.

Owns surveys, invitations, responses and ratings. Learns of orders, customers and shops from the event log only, and
publishes ``survey.requested`` and ``survey.answered``.
"""
