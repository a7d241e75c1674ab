"""The program document on its way in and out."""

from datetime import datetime

from pydantic import Field

from comeback_kit.http import Answer
from loyalty.program.document import Program


class ProgramBody(Program):
    """A program to put into force. ``version`` is read-only: it may be sent back as it was read, and is ignored."""

    version: int | None = Field(default=None, exclude=True)

    def program(self) -> Program:
        """The document alone."""
        return Program.model_validate(self.model_dump(exclude={"version"}))


class ProgramAnswer(Program):
    """The program in force, every field said, and its version."""

    version: int


class VersionAnswer(Answer):
    """One version. ``valid_from`` null: from ever. Orders placed since then are settled under it."""

    version: int
    valid_from: datetime | None
    created_at: datetime
    actor: str
    program: Program
