"""What a survey is: its document, the values that its questions take, and the way through it. Pure, no I/O.

The server is the only evaluator: page, JSON client and consumer ask the same functions, so they cannot disagree.
"""
