"""Every failure that a caller of this service sees."""

from comeback_kit.errors import Conflict, NotFound


class OrderUnknown(NotFound):
    code = "order_unknown"
    title = "This order is not known (yet): its events may still be on their way"
    retryable = True
    retry_after = 1


class PlacementUnknown(NotFound):
    code = "placement_unknown"
    title = "The shop has no such placement"


class RecommendationUnknown(NotFound):
    code = "recommendation_unknown"
    title = "No such answer was given"


class BacktestUnknown(NotFound):
    code = "backtest_unknown"
    title = "There is no such back-test"


class BacktestNotReady(Conflict):
    code = "backtest_not_ready"
    title = "This back-test has no result (yet)"
