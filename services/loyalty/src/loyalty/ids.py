"""New ids and codes. Use cases take an ``Ids``, so that tests choose them."""

import secrets
from typing import Final, Protocol

_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # 32, and nothing that is read for something else


class Ids(Protocol):
    """Where new ids and codes come from."""

    def new_id(self, kind: str) -> str:
        """An id that nobody has: ``kind``, an underscore, something random."""
        ...

    def new_code(self, prefix: str = "") -> str:
        """A code that a customer can type."""
        ...


class RandomIds:
    """Ids and codes that nobody can guess."""

    def new_id(self, kind: str) -> str:
        """20 random characters after the kind."""
        return f"{kind}_{secrets.token_hex(10)}"

    def new_code(self, prefix: str = "") -> str:
        """12 random characters: 60 bits."""
        return prefix + "".join([_ALPHABET[byte & 31] for byte in secrets.token_bytes(12)])


RANDOM: Final = RandomIds()
