"""What Comeback's services say to each other: the event envelope, the topics, the data of every event.

And the pure rules that all of them must share: how orders merge, what of an order is eligible, who a guest is.
No I/O, no business decisions of one service.
"""
