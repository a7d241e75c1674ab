"""What a purchase or an activity earns: a program compiled once, then evaluated per order. No I/O.

``compiled`` turns a document into closures, ``facts`` fixes what depends on the member, ``evaluation`` gives the target
of an order (the hot path), ``explanation`` says why, ``activities`` covers what earns without an order.
"""
