"""One OpenAPI document of many, and the page that shows it."""

from typing import Any

from gateway import docs_page
from gateway.merging import merged, operations

OWN: dict[str, Any] = {
    "info": {"title": "Comeback", "version": "1"},
    "paths": {
        "/v1/events": {"post": {"operationId": "post_events", "tags": ["Events"], "responses": {"202": {}, "422": {}}}},
        "/v1/post-purchase/{order_id}": {"get": {"operationId": "pp", "responses": {"200": {}}}},
        "/v1/webhooks/{platform}/{shop_id}": {"post": {"operationId": "hook", "responses": {"200": {}}}},
        "/livez": {"get": {"operationId": "livez", "responses": {}}},
    },
}


def service(name: str) -> dict[str, Any]:
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
    return {
        "paths": {
            f"/v1/{name}/things": {"get": {"operationId": "list", "summary": "<b>", "responses": {"200": answer}}},
            f"/v1/{name}/me": {"get": {"operationId": "me", "responses": {"200": answer}}},
            "/f/{token}": {"get": {"operationId": "page", "responses": {"200": {}}}},
            "/readyz": {"get": {"operationId": "readyz", "responses": {"200": {}}}},
        },
        "components": {
            "schemas": {
                "Thing": {"properties": {"next": {"anyOf": [{"$ref": "#/components/schemas/Thing"}]}}},
                "Either": {"discriminator": {"mapping": {"a": "#/components/schemas/Thing"}}},
                "HTTPValidationError": {"type": "object"},
            }
        },
    }


def test_operation_ids_and_schemas_of_two_services_do_not_meet() -> None:
    document = merged(OWN, {"loyalty": service("loyalty"), "feedback": service("feedback")}, [])
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert {"loyalty_list", "feedback_list", "gateway_post_events"} <= set(ids)
    schemas = document["components"]["schemas"]
    both = {f"{name}.{kind}" for name in ("Loyalty", "Feedback") for kind in ("Thing", "Either")}
    assert schemas.keys() == {"Problem"} | both
    inner = schemas["Loyalty.Thing"]["properties"]["next"]["anyOf"][0]
    assert inner == {"$ref": "#/components/schemas/Loyalty.Thing"}
    assert schemas["Feedback.Either"]["discriminator"]["mapping"] == {"a": "#/components/schemas/Feedback.Thing"}


def test_only_public_paths_are_in_it() -> None:
    paths = merged(OWN, {"loyalty": service("loyalty")}, [])["paths"]
    assert "/livez" not in paths
    assert "/readyz" not in paths
    assert "/f/{token}" in paths


def test_every_operation_says_what_opens_it_and_how_it_fails() -> None:
    document = merged(OWN, {"loyalty": service("loyalty")}, [])
    security = {path: operation["security"] for path, _, operation in operations(document)}
    assert security["/v1/events"] == [{"shopKey": []}]
    assert security["/v1/loyalty/me"] == [{"customerToken": []}]
    assert security["/v1/post-purchase/{order_id}"] == [{"shopKey": []}, {"customerToken": []}]
    assert security["/f/{token}"] == security["/v1/webhooks/{platform}/{shop_id}"] == []
    for _, _, operation in operations(document):
        assert "422" not in operation["responses"]
        assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_a_service_that_does_not_answer_is_named() -> None:
    assert "left out here: loyalty" in merged(OWN, {}, ["loyalty"])["info"]["description"]
    assert "left out" not in merged(OWN, {}, [])["info"]["description"]


def test_the_page_loads_nothing_and_escapes_what_services_say() -> None:
    page = docs_page.render(merged(OWN, {"loyalty": service("loyalty")}, []))
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert page.count("<details>") == 6


def test_the_page_shows_code_as_code_and_can_be_scrolled_by_keyboard() -> None:
    document = merged(OWN, {"loyalty": service("loyalty")}, [])
    item = {"name": "lang", "in": "query", "description": "`en` <or> `de`"}
    document["paths"]["/f/{token}"]["get"]["parameters"] = [item]
    page = docs_page.render(document)
    assert "<code>Retry-After</code>" in page
    assert "<td><code>en</code> &lt;or&gt; <code>de</code>" in page
    assert "`" not in page
    assert page.count("<pre tabindex=0>") == page.count("<pre")
    assert "<div class=w tabindex=0" in page
