"""``pending_only`` lets a member keep active points that an order has to give back; some of them run out unused."""

from tests.service.loyalty.world import World

PROGRAM = {"negative": "pending_only", "expiry": {"kind": "rolling", "days": 10}}


async def test_what_runs_out_unused_is_owed_no_longer(shop: World) -> None:
    await shop.program(**PROGRAM)
    await shop.order("1")
    await shop.refund("1", 10_000)
    assert await shop.numbers() == (100, 0, 0, 100), "active points are left alone, and recorded"
    await shop.days(12)
    await shop.check()
    assert await shop.numbers() == (0, 0, 0, 0)
    assert await shop.kinds() == [("earned", 100), ("expired", -100)]


async def test_what_was_held_runs_out_when_its_hold_ends(shop: World) -> None:
    await shop.program(**PROGRAM)
    await shop.order("1")
    await shop.pay(30)
    await shop.refund("1", 10_000)
    assert await shop.numbers() == (70, 0, 30, 100)
    await shop.days(12)
    await shop.check()
    assert await shop.numbers() == (0, 0, 0, 0)


async def test_it_is_the_same_whether_the_refund_or_the_expiry_comes_first(shop: World) -> None:
    await shop.program(**PROGRAM)
    for order, member in (("1", "a"), ("2", "b")):
        await shop.order(order, 10_000, member)
        held = await shop.pay(30, f"x{order}", member)
        await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.refund("1", 10_000)
    await shop.days(12)
    await shop.refund("2", 10_000)
    await shop.check()
    assert await shop.numbers("a") == await shop.numbers("b") == (0, 0, 0, 30)
    told = [await shop.get(f"orders/{order}/explanation") for order in ("1", "2")]
    assert [(one["points"], one["settled"], one["shortfall"]) for one in told] == [(0, 70, 30)] * 2
    lifetimes = [(await shop.member(name))["lifetime_earned"] for name in ("a", "b")]
    assert lifetimes == [100, 100]


async def test_a_refund_that_is_taken_back_afterwards_gives_nothing_twice(shop: World) -> None:
    await shop.program(**PROGRAM)
    await shop.order("1")
    await shop.refund("1", 10_000, "r")
    await shop.days(12)
    await shop.refund("1", 1_000, "r")
    await shop.check()
    assert await shop.numbers() == (0, 0, 0, 0)
    told = await shop.get("orders/1/explanation")
    assert (told["points"], told["settled"]) == (90, 100), "its 100 points were there to be spent until they ran out"


async def test_tiers_count_it_whichever_came_first(shop: World) -> None:
    levels = [{"id": "s", "threshold": 80}]
    for window in ("ever", "rolling_12m"):
        await shop.program(
            **PROGRAM, tiers={"basis": "points", "window": window, "downgrade": "full", "levels": levels}
        )
        early, late = f"early-{window}", f"late-{window}"
        await shop.order(early, 10_000, early)
        await shop.order(late, 10_000, late)
        await shop.refund(early, 10_000)
        await shop.days(12)
        await shop.refund(late, 10_000)
        await shop.check()
        assert await shop.tier(early) == await shop.tier(late) == "s", window


async def test_the_rewards_of_a_level_are_paid_once_though_the_level_comes_back(shop: World) -> None:
    levels = [{"id": "s", "threshold": 80, "entry": {"points": 50}}]
    await shop.program(**PROGRAM, tiers={"basis": "points", "window": "ever", "downgrade": "full", "levels": levels})
    await shop.order("early", 10_000, "early")
    await shop.order("late", 10_000, "late")
    await shop.refund("early", 10_000)
    await shop.days(12)
    await shop.refund("late", 10_000)
    await shop.check()
    for member in ("early", "late"):
        assert [one for one in await shop.kinds(member) if one == ("earned", 50)] == [("earned", 50)]
        assert await shop.numbers(member) == (0, 0, 0, 0)
