"""``python -m notifications serve | migrate``."""

import sys

from comeback_kit.command import main
from notifications.app import NAME, create_app
from notifications.settings import Settings

if __name__ == "__main__":
    sys.exit(main(NAME, Settings, create_app))
