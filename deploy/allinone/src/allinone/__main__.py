"""``python -m allinone``: start Comeback on this machine."""

import asyncio
import sys

import uvloop
from pydantic import ValidationError

from allinone.settings import Settings
from comeback_kit.telemetry import configure_logging


def main() -> int:
    """Exit code 0 after Ctrl-C or SIGTERM, 1 when it cannot start."""
    try:
        settings = Settings()
    except ValidationError as error:
        for item in error.errors():
            name = "COMEBACK_" + "_".join(str(part) for part in item["loc"]).upper()
            print(f"{name}: {item['msg'].removeprefix('Value error, ')}", file=sys.stderr)
        return 1
    # Imported only now: a mistake in the environment is told at once, not after two seconds of imports.
    from allinone.process import StartFailed, run  # noqa: PLC0415

    configure_logging(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings))
    except StartFailed as error:
        print(f"Comeback cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
