"""The gateway's parts, wired by ``app.py`` and found by its routes."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request

from comeback_kit.auth import Minter
from comeback_kit.runtime import Clock
from gateway.directory import Directory
from gateway.intake import Intake
from gateway.upstream import Upstream
from gateway.vault import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes work with."""

    directory: Directory
    intake: Intake
    minter: Minter
    upstreams: Mapping[str, Upstream]
    vault: Vault
    clock: Clock


def parts_of(request: Request) -> Parts:
    """The parts of the running gateway."""
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101  # set before the first request
    return parts
