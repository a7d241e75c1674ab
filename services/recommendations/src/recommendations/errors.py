"""Every failure that a caller of this service sees."""

from comeback_kit.errors import NotFound


class OrderUnknown(NotFound):
    code = "order_unknown"
    title = "This order is not known (yet): its events may still be on their way"
    retryable = True
    retry_after = 1


class PlacementUnknown(NotFound):
    code = "placement_unknown"
    title = "The shop has no such placement"
