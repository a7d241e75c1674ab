"""Every refusal of the loyalty service: its code and HTTP status."""

from comeback_kit.errors import Conflict, NotFound, Unprocessable


class MemberUnknown(NotFound):
    code = "member_unknown"
    title = "There is no such member"


class OrderUnknown(NotFound):
    code = "order_unknown"
    title = "No event of this order has arrived"
    retryable = True
    retry_after = 1


class RewardUnknown(NotFound):
    code = "reward_unknown"
    title = "There is no such reward"


class RedemptionUnknown(NotFound):
    code = "redemption_unknown"
    title = "There is no such redemption"


class InTheFuture(Unprocessable):
    code = "in_the_future"
    title = "An instant is more than 10 minutes in the future"


class ProgramUnknown(NotFound):
    code = "program_unknown"
    title = "This shop is not known yet"
    retryable = True
    retry_after = 1


class JobUnknown(NotFound):
    code = "job_unknown"
    title = "There is no such job"


class NotEnoughPoints(Conflict):
    code = "not_enough_points"
    title = "The member does not have that many points to spend"


class AboveMaxShare(Conflict):
    code = "above_max_share"
    title = "Points may not pay that large a share of the order"


class BelowMinPoints(Conflict):
    code = "below_min_points"
    title = "Fewer points than the program lets one use"


class CurrencyWithoutRate(Conflict):
    code = "currency_without_rate"
    title = "The program has no rate for this currency"


class OutOfStock(Conflict):
    code = "out_of_stock"
    title = "The reward is out of stock"


class OutOfCodes(Conflict):
    code = "out_of_codes"
    title = "The reward has no code left"


class NoCodePool(Conflict):
    code = "no_code_pool"
    title = "The reward does not take its codes from a pool"


class LimitReached(Conflict):
    code = "limit_reached"
    title = "The member has taken this reward as often as allowed"


class TierRequired(Conflict):
    code = "tier_required"
    title = "The reward is for other tiers"


class RewardNotAvailable(Conflict):
    code = "reward_not_available"
    title = "The reward is not available at this time"


class RedemptionNotHeld(Conflict):
    code = "redemption_not_held"
    title = "The redemption is not held (any more)"


class RedemptionNotSpent(Conflict):
    code = "redemption_not_spent"
    title = "The redemption is not spent, or was returned"


class RewardExists(Conflict):
    code = "reward_exists"
    title = "A reward with this id is there already"


class CodeTaken(Conflict):
    code = "code_taken"
    title = "A code is in use already"


class TransferNotPossible(Conflict):
    code = "transfer_not_possible"
    title = "These points cannot be transferred"
