"""A shop as settlement sees it: its settings and every version of its program, each compiled once."""

from datetime import datetime

from loyalty.program.document import Program
from loyalty.rules.compiled import CompiledProgram, compile_program


class Shop:
    """One shop: its settings and every version of its program; ``newest`` is the one that is in force now."""

    __slots__ = (
        "_compiled",
        "_current",
        "_documents",
        "_from",
        "currency",
        "locale",
        "newest",
        "revision",
        "shop_id",
        "time_zone",
    )

    def __init__(self, shop_id: str, revision: int, currency: str, time_zone: str, locale: str) -> None:
        self.shop_id = shop_id
        self.revision = revision
        self.currency = currency
        self.time_zone = time_zone
        self.locale = locale
        self.newest = 0
        self._documents: dict[int, Program] = {}
        self._from: list[tuple[datetime | None, int]] = []
        self._compiled: dict[int, CompiledProgram] = {}
        self._current: CompiledProgram | None = None

    def add(self, version: int, document: Program, valid_from: datetime | None) -> None:
        """A version; call in ascending order. ``valid_from`` None is from ever."""
        self._documents[version] = document
        self._from.append((valid_from, version))
        self.newest = version
        self._current = None

    def version_at(self, at: datetime) -> int:
        """The version in force at an instant."""
        found = self._from[0][1]
        for valid_from, version in self._from[1:]:
            if valid_from is not None and valid_from <= at:
                found = version
        return found

    @property
    def is_sole(self) -> bool:
        """Whether there is only one version, so that no instant need be asked."""
        return len(self._from) == 1

    @property
    def since(self) -> datetime | None:
        """From when on the program that is in force now is; None is from ever."""
        return self._from[-1][0]

    @property
    def current(self) -> CompiledProgram:
        """The program in force now."""
        if self._current is None:
            self._current = self.program(self.newest)
        return self._current

    def program(self, version: int) -> CompiledProgram:
        """A version, ready to evaluate. An unknown number is read as the newest."""
        found = self._compiled.get(version)
        if found is None:
            document = self._documents.get(version) or self._documents[self.newest]
            found = compile_program(document, currency=self.currency, zone=self.time_zone)
            self._compiled[version] = found
        return found
