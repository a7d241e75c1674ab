"""The mail folder: one ``.eml`` a message, for a machine without a mail server."""

import asyncio
from pathlib import Path

from notifications.transport import Outgoing, Verdict


class MailFolder:
    """Writes mails as files named by message id; the same message again replaces its file."""

    width = 4

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def deliver(self, mail: Outgoing) -> Verdict:
        """Write the file in one step: a reader sees the whole mail or none."""
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            return Verdict("away", f"the mail folder cannot be written: {error.strerror}")
        return Verdict("sent", "in the mail folder")

    async def forget(self, names: list[str]) -> None:
        """Remove the files of these messages."""
        await asyncio.to_thread(self._remove, names)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _write(self, mail: Outgoing) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._folder / f".{mail.name}.partial"
        partial.write_bytes(mail.content)
        partial.replace(self._folder / f"{mail.name}.eml")

    def _remove(self, names: list[str]) -> None:
        for name in names:
            (self._folder / f"{name}.eml").unlink(missing_ok=True)
