"""``python -m recommendations serve | migrate``."""

import sys

from comeback_kit.command import main
from recommendations.app import NAME, create_app
from recommendations.settings import Settings

if __name__ == "__main__":
    sys.exit(main(NAME, Settings, create_app))
