"""Every good answer stands in the OpenAPI document: a client made from it must know what else may come."""

from typing import Any

import pytest
from fastapi import FastAPI

from loyalty.routes import data, me, program, redemptions, reports


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    app = FastAPI()
    for router in (data.streams, me.router, program.router, redemptions.router, reports.router):
        app.include_router(router)
    found: dict[str, Any] = app.openapi()["paths"]
    return found


def test_the_first_hold_and_a_job_are_documented(paths: dict[str, Any]) -> None:
    for path, status in (
        ("/v1/loyalty/members/{customer_id}/redemptions", "200"),
        ("/v1/loyalty/me/redemptions", "200"),
        ("/v1/loyalty/program/preview", "202"),
    ):
        assert "application/json" in paths[path]["post"]["responses"][status]["content"], path


def test_files_are_documented(paths: dict[str, Any]) -> None:
    for path, kinds in (
        ("exports/members", {"text/csv", "application/x-ndjson"}),
        ("reports/liability", {"application/json", "text/csv"}),
        ("reports/months", {"application/json", "text/csv"}),
    ):
        assert paths[f"/v1/loyalty/{path}"]["get"]["responses"]["200"]["content"].keys() == kinds, path
