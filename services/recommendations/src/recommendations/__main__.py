"""``python -m recommendations serve | migrate | backtest``."""

import sys

from comeback_kit.command import main
from recommendations.app import NAME, create_app
from recommendations.backtest import command
from recommendations.settings import Settings

if __name__ == "__main__":
    sys.exit(main(NAME, Settings, create_app, command.add))
