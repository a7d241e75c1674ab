"""Every service's app, wired for one process: one log, one key pair, a database each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

import feedback.app
import feedback.settings
import gateway.app
import gateway.settings
import loyalty.app
import loyalty.settings
import notifications.app
import notifications.settings
import recommendations.app
import recommendations.settings
from allinone.data_dir import DataDir, Keys
from allinone.settings import Settings
from comeback_kit.log.port import EventLog


@dataclass(frozen=True)
class Apps:
    """The services by name, and the gateway in front of them."""

    services: Mapping[str, FastAPI]
    gateway: FastAPI


def build(settings: Settings, data_dir: DataDir, keys: Keys, urls: Mapping[str, str], log: EventLog) -> Apps:
    """Create every app; nothing starts before their lifespans are entered."""
    common: dict[str, Any] = {
        "public_url": settings.base_url,
        "internal_public_key": keys.internal_public,
        "log_level": settings.log_level,
    }
    services: dict[str, FastAPI] = {
        "loyalty": loyalty.app.create_app(loyalty.settings.Settings(database_url=urls["loyalty"], **common), log=log),
        "feedback": feedback.app.create_app(
            feedback.settings.Settings(database_url=urls["feedback"], **common), log=log
        ),
        "notifications": notifications.app.create_app(
            notifications.settings.Settings(
                database_url=urls["notifications"], smtp_url=settings.smtp_url, mail_dir=data_dir.mails, **common
            ),
            log=log,
        ),
        "recommendations": recommendations.app.create_app(
            recommendations.settings.Settings(database_url=urls["recommendations"], **common), log=log
        ),
    }
    gateway_app = gateway.app.create_app(
        gateway.settings.Settings(
            database_url=urls["gateway"],
            internal_private_key=keys.internal_private,
            master_key=keys.master,
            **common,
        ),
        log=log,
        services=services,
    )
    return Apps(services=services, gateway=gateway_app)
