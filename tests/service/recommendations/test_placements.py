"""The catalog, placements as documents, and a merchant's own rules."""

from typing import Any

import pytest

from recommendations.placing import place_of
from tests.service.recommendations.feeding import Shop, ids, sources


async def catalog(shop: Shop, **products: dict[str, Any]) -> None:
    at = shop.t0.isoformat()
    await shop.take(
        *[
            shop.event(
                "product.upserted",
                {
                    "product_id": name,
                    "title": f"Product {name}",
                    "price": 1000,
                    "currency": "EUR",
                    "updated_at": at,
                    **more,
                },
            )
            for name, more in products.items()
        ]
    )


async def put(shop: Shop, path: str, **document: Any) -> dict[str, Any]:
    answer = await shop.ask("PUT", path, json=document)
    assert answer.status_code == 200, answer.text
    await shop.followed()
    return dict(answer.json())


async def test_case_09_a_product_out_of_stock_is_absent_until_it_is_back(shop: Shop) -> None:
    await shop.base()
    await catalog(shop, B={"in_stock": False})
    assert ids(await shop.get("products/A", limit=2)) == ["C", "D"]
    later = shop.later(minutes=1).isoformat()
    await catalog(shop, B={"in_stock": True, "updated_at": later})
    assert ids(await shop.get("products/A", limit=2)) == ["B", "C"]
    await catalog(shop, B={"in_stock": False})  # said before, arriving late
    assert ids(await shop.get("products/A", limit=2)) == ["B", "C"]


async def test_a_deleted_product_is_never_offered_until_it_is_upserted_later(shop: Shop) -> None:
    await shop.base()
    await catalog(shop, B={})
    await shop.take(shop.event("product.deleted", {"product_id": "B", "at": shop.later(minutes=1).isoformat()}))
    assert "B" not in ids(await shop.get("products/A"))
    await catalog(shop, B={})
    assert "B" not in ids(await shop.get("products/A"))
    await catalog(shop, B={"updated_at": shop.later(minutes=2).isoformat()})
    assert "B" in ids(await shop.get("products/A"))


async def test_texts_name_products_as_people_do(shop: Shop) -> None:
    await shop.base()
    await catalog(shop, A={"title": "Beans"}, B={"title": "Mug"})
    assert (await shop.get("products/A"))["items"][0]["reason"]["text"] == "3 of 4 who bought Beans also bought Mug"


async def test_case_17_pins_boosts_and_hides(shop: Shop) -> None:
    await shop.base()
    for number, other in enumerate("EFGH"):
        await shop.orders(shop.order(f"X{number}", ["A", other]))
    plain = ids(await shop.get("products/A", backfill=False))
    await catalog(shop, G={"brand": "Gold"}, H={"brand": "Gold"}, Z={})
    await put(
        shop,
        "rules",
        pins=["Z"],
        boosts=[{"trait": "brand", "value": "Gold", "factor": 1.2}],
        hides=[{"trait": "product_id", "value": "H"}],
    )
    answer = await shop.get("products/A", backfill=False)
    assert sources(answer)[0] == ("Z", "pinned")
    others = [name for name in plain if name not in "GH"]
    found = ids(answer)
    assert [name for name in found if name not in "ZG"] == others
    assert found.index("G") < found.index("E")
    for path in ("products/A", "customers/c1", "customers/c1?kind=trending", "orders/O1", "products/A?placement=cart"):
        answer = await shop.get(path)
        assert "H" not in ids(answer)
        assert ids(answer)[0] == "Z"


async def test_a_pin_that_is_at_hand_excluded_or_out_of_stock_is_not_shown(shop: Shop) -> None:
    await shop.base()
    await catalog(shop, D={"in_stock": False})
    await put(shop, "placements/cart", pins=["A", "B", "D", "C"])
    assert sources(await shop.basket(product_ids=["A"], placement="cart", exclude=["B"]))[0] == ("C", "pinned")


async def test_default_placements_are_there_and_can_be_replaced(shop: Shop) -> None:
    items = (await shop.ask("GET", "placements")).json()["items"]
    assert {item["placement_id"] for item in items} == {"product_page", "cart", "post_purchase", "account", "email"}
    assert (await shop.ask("GET", "placements/email")).json()["kind"] == "buy_again"
    await put(shop, "placements/email", kind="trending", limit=2)
    await shop.base()
    answer = await shop.get("customers/c1", placement="email")
    assert sources(answer) == [("A", "trending"), ("B", "trending")]
    assert answer["placement"] == "email"
    assert ids(await shop.get("customers/c1", placement="email", limit=3)) == ["A", "B", "C"]
    read = (await shop.ask("GET", "placements/email")).json()
    assert (read["kind"], read["limit"], read["updated_at"] is not None) == ("trending", 2, True)


async def test_an_unknown_placement_is_404(shop: Shop) -> None:
    for path in ("placements/nowhere", "products/A?placement=nowhere"):
        answer = await shop.ask("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "placement_unknown")


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "magic"},
        {"limit": 0},
        {"boosts": [{"trait": "brand", "value": "x", "factor": 0}]},
        {"boosts": [{"trait": "colour", "value": "x", "factor": 2}]},
        {"repeat_share": 1.5},
        {"max_per_category": 0},
        {"experiment": {"experiment_id": "e", "share": 2, "variant": {}}},
        {"surprise": True},
    ],
)
async def test_a_bad_placement_is_refused_with_its_field(shop: Shop, document: dict[str, Any]) -> None:
    answer = await shop.ask("PUT", "placements/cart", json=document)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"]


async def test_filters_keep_to_category_brand_and_price(shop: Shop) -> None:
    await shop.base()
    await catalog(
        shop,
        B={"category_ids": ["mugs"], "brand": "x", "price": 500},
        C={"category_ids": ["mugs", "gifts"], "brand": "y", "price": 2000},
    )
    for wanted, expected in (
        ({"category_ids": ["mugs"]}, ["B", "C"]),
        ({"category_ids": ["gifts"]}, ["C"]),
        ({"brands": ["x"], "category_ids": ["mugs"]}, ["B"]),
        ({"price": {"currency": "EUR", "min": 1000}}, ["C"]),
        ({"price": {"currency": "EUR", "max": 1000}}, ["B"]),
        ({"price": {"currency": "USD"}}, []),
    ):
        await put(shop, "placements/cart", filter=wanted)
        assert ids(await shop.get("products/A", placement="cart")) == expected, wanted


async def test_complements_are_never_of_the_type_at_hand(shop: Shop) -> None:
    await shop.base()
    await catalog(shop, A={"product_type": "beans"}, B={"product_type": "beans"}, C={"product_type": "mugs"})
    assert ids(await shop.get("products/A", backfill=False)) == ["C"]
    await put(shop, "placements/cart", same_type=True)
    assert ids(await shop.get("products/A", placement="cart", backfill=False)) == ["B", "C"]
    assert "B" in ids(await shop.get("products/A", kind="also_bought"))


async def test_complements_are_of_another_type_also_where_the_customer_owns_one(shop: Shop) -> None:
    await shop.orders(shop.order("O1", "ABC", customer_id="c"), shop.order("O2", "AB", customer_id="c"))
    await catalog(shop, A={"product_type": "beans"}, B={"product_type": "beans"}, C={"product_type": "mugs"})
    assert ids(await shop.basket(product_ids=["A"], customer_id="c", backfill=False)) == ["C"]


async def test_upsell_is_the_same_category_a_little_dearer_and_rated_as_well(shop: Shop) -> None:
    await shop.base()
    mug = {"category_ids": ["mugs"], "rating": 4.0, "price": 1000}
    await catalog(
        shop,
        A=mug,
        better={**mug, "price": 1400, "rating": 4.8},
        good={**mug, "price": 1200, "rating": 4.2},
        worse={**mug, "price": 1200, "rating": 3.0},
        dear={**mug, "price": 1600, "rating": 5.0},
        cheap={**mug, "price": 900, "rating": 5.0},
        other={**mug, "price": 1200, "rating": 5.0, "category_ids": ["pots"]},
        foreign={**mug, "price": 1200, "rating": 5.0, "currency": "USD"},
        unrated={"category_ids": ["mugs"], "price": 1200},
    )
    answer = await shop.get("products/A", kind="upsell", backfill=False)
    assert sources(answer) == [("better", "upsell"), ("good", "upsell")]
    await put(shop, "placements/up", kind="upsell", upsell={"upto": 1.7}, backfill=False)
    assert ids(await shop.get("products/A", placement="up")) == ["dear", "better", "good"]


async def test_diversity_takes_so_many_of_a_category(shop: Shop) -> None:
    for number, other in enumerate("BCDE"):
        await shop.orders(*[shop.order(f"o{number}{copy}", ["A", other]) for copy in range(4 - number)])
    await catalog(shop, **{name: {"category_ids": ["same"]} for name in "BCD"}, E={"category_ids": ["else"]})
    await put(shop, "placements/cart", max_per_category=2, fallbacks=[])
    assert ids(await shop.get("products/A", placement="cart")) == ["B", "C", "E"]


async def test_repeats_are_held_to_their_share(shop: Shop) -> None:
    await shop.base()
    await put(shop, "placements/account", kind="buy_again", limit=4, repeat_share=0.25)
    answer = await shop.get("customers/c4", placement="account")
    assert len([name for name in ids(answer) if name in "BD"]) == 1


async def test_fallbacks_are_named_and_may_be_none(shop: Shop) -> None:
    await shop.base()
    await put(shop, "placements/cart", fallbacks=["for_you", "trending"])
    answer = await shop.basket(product_ids=["unknown"], customer_id="nobody", placement="cart")
    assert (answer["fallback"], sources(answer)[0][1]) == ("trending", "trending")
    await put(shop, "placements/cart", fallbacks=[])
    assert (await shop.basket(product_ids=["unknown"], placement="cart"))["items"] == []


async def test_an_experiment_gives_each_customer_one_arm_for_ever(shop: Shop) -> None:
    await shop.base()
    experiment = {"experiment_id": "exp1", "share": 0.5, "variant": {"kind": "trending"}}
    await put(shop, "placements/account", kind="for_you", limit=3, experiment=experiment)
    arms = {}
    for number in range(60):
        customer = f"x{number}"
        answers = [await shop.get(f"customers/{customer}", placement="account") for _ in range(2)]
        assert answers[0]["variant"] == answers[1]["variant"]
        assert len(answers[0]["items"]) == 3  # the variant says only what it does differently
        arms[customer] = answers[0]["variant"]
    assert {arms[name] for name in arms} == {"a", "b"}
    assert all((arms[name] == "b") is (place_of("demo", "exp1", name) < 0.5) for name in arms)


async def test_placements_and_rules_are_each_shops_own(shop: Shop) -> None:
    await shop.base()
    other = Shop(shop.service, shop.t0, "other")
    await other.base()
    await put(shop, "rules", hides=[{"trait": "product_id", "value": "B"}])
    await put(shop, "placements/mine", kind="trending")
    assert "B" not in ids(await shop.get("products/A"))
    assert "B" in ids(await other.get("products/A"))
    assert (await other.ask("GET", "placements/mine")).status_code == 404


async def test_writing_needs_the_write_scope(shop: Shop) -> None:
    async with shop.service.client(scopes=frozenset({"recommendations:read"})) as reader:
        assert (await reader.put("/v1/recommendations/placements/cart", json={})).status_code == 403
        assert (await reader.put("/v1/recommendations/rules", json={})).status_code == 403
