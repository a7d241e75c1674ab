"""Python's garbage collector, set for processes that serve in batches."""

import gc

# A batch and the one read ahead of it make some 100,000 containers that live until the commit, and none that hangs in a
# cycle. Looking at them every 20,000 costs a consumer an eighth of its CPU; 200,000 of them are some 40 MB.
_YOUNG, _MIDDLE, _OLD = 200_000, 20, 20


def settle_in() -> None:
    """Call once, when everything is imported.

    What was imported stays for good: unfrozen, every full collection walks it again, a sixth of a consumer's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
