"""What the thank-you page gets."""

from typing import Any

from tests.service.feedback.world import PUBLIC, World, customer, delivered, order


async def test_the_survey_is_there_as_soon_as_the_order_is(world: World) -> None:
    await world.take(order(at=world.now))
    survey = (await world.get("orders/1001/post-purchase"))["survey"]
    assert survey["survey_id"] == "nps"
    assert survey["url"].startswith(f"{PUBLIC}/f/")
    assert survey["question"] == {
        "id": "nps",
        "type": "nps",
        "text": "How likely are you to recommend Röstwerk to a friend or colleague?",
        "required": True,
        "min": 0,
        "max": 10,
        "labels": {"low": "Not at all likely", "high": "Extremely likely"},
    }
    assert survey["state"] == "planned"


async def test_asking_for_it_writes_nothing(world: World) -> None:
    await world.take(order(at=world.now))
    before = await world.rows("select * from invitations")
    await world.link()
    assert await world.rows("select * from invitations") == before
    assert await world.events() == []


async def test_an_unknown_order_may_still_come(world: World) -> None:
    answer = await world.client.get("/v1/feedback/orders/1001/post-purchase")
    assert answer.status_code == 404
    assert answer.headers["retry-after"] == "1"
    problem = answer.json()
    assert (problem["code"], problem["retryable"]) == ("order_unknown", True)


async def test_who_was_asked_lately_is_not_asked_on_the_next_thank_you_page(world: World) -> None:
    await world.take(delivered("1", at=world.now))
    await world.take(order("2", at=world.later(days=10)))
    assert await world.get("orders/2/post-purchase") == {"survey": None}
    assert (await world.get("orders/1/post-purchase"))["survey"]["state"] == "asked"
    await world.take(order("3", at=world.later(days=80)))
    assert (await world.get("orders/3/post-purchase"))["survey"]["state"] == "planned"


async def test_customers_see_their_own_orders_only(world: World) -> None:
    await world.take(order(at=world.now))
    path = "/v1/feedback/orders/1001/post-purchase"
    async with world.service.customer("c1") as own, world.service.customer("c2") as other:
        assert (await own.get(path)).json()["survey"]["survey_id"] == "nps"
        assert (await other.get(path)).status_code == 404
    await world.take(customer("merged", {"from": "c1", "into": "c2", "at": "2026-03-10T12:00:00Z"}, at=world.now))
    async with world.service.customer("c2") as joined:
        assert (await joined.get(path)).status_code == 200


async def test_keys_need_a_scope_and_other_shops_know_nothing_of_it(world: World) -> None:
    await world.take(order(at=world.now))
    path = "/v1/feedback/orders/1001/post-purchase"
    expected: list[tuple[frozenset[str], str, int]] = [
        (frozenset({"post-purchase:read"}), "demo", 200),
        (frozenset({"feedback:read"}), "demo", 200),
        (frozenset({"loyalty:read"}), "demo", 403),
        (frozenset({"admin"}), "other", 404),
    ]
    for scopes, shop, status in expected:
        async with world.service.client(shop, scopes=scopes) as client:
            assert (await client.get(path)).status_code == status, (scopes, shop)
    async with world.service.anonymous() as nobody:
        assert (await nobody.get(path)).status_code == 401


async def test_the_question_is_in_the_customers_language(world: World) -> None:
    await world.take(order("1", "a", at=world.now, locale="de-AT"), order("2", "b", at=world.now))

    async def words(order_id: str, **headers: str) -> Any:
        answer = await world.client.get(f"/v1/feedback/orders/{order_id}/post-purchase", headers=headers)
        return answer.json()["survey"]["question"]["text"]

    assert (await words("1")).startswith("Wie wahrscheinlich")
    assert (await words("2", **{"Accept-Language": "fr-CA,en;q=0.5"})).startswith("Quelle est la probabilité")
    assert (await words("2")).startswith("How likely")


async def test_a_survey_for_the_thank_you_page_alone_is_never_mailed(world: World) -> None:
    document = {
        "name": "How heard",
        "questions": [{"id": "how", "type": "text", "text": "How did you hear about us?"}],
        "trigger": {"on": "never"},
        "recontact_period": "P0D",
    }
    await world.put_survey(document, "heard")
    await world.put_survey({"name": "off", "enabled": False, "questions": document["questions"]})
    await world.take(order(at=world.now))
    assert (await world.get("orders/1001/post-purchase"))["survey"]["survey_id"] == "heard"
    await world.take(delivered(at=world.later(days=1)))
    assert await world.requested() == []
