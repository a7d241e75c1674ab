"""The least that a FastAPI service does to answer a member: no database, no credentials. ``--port`` says where."""

import argparse
from datetime import datetime

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Level(BaseModel):
    """A tier."""

    id: str
    name: str
    since: datetime


class Member(BaseModel):
    """The fields of the real answer."""

    customer_id: str
    balance: int
    pending: int
    held: int
    shortfall: int
    lifetime_earned: int
    tier: Level | None
    next_expiration: None = None
    next_activation: None = None


def create_app() -> FastAPI:
    """One route."""
    app = FastAPI()

    @app.get("/v1/loyalty/members/{customer_id}")
    async def member(customer_id: str) -> Member:
        return Member(
            customer_id=customer_id, balance=120, pending=0, held=0, shortfall=0, lifetime_earned=340, tier=None
        )

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(
        create_app(),
        host="127.0.0.1",
        port=parser.parse_args().port,
        log_config=None,
        access_log=False,
        server_header=False,
    )
