"""Notifications: what a shop's customers are told after the purchase, on which channel, and whether it arrived.

It owns messages and their states, the mails as they were sent, contact data, consents, and suppressed addresses. It
learns of orders, points and surveys from the event log only, and publishes what became of each message.
"""
