"""The folder that a Comeback of one machine lives in: lock, process id, keys. Removing it is a fresh start."""

import fcntl
import os
import secrets
import string
from pathlib import Path
from typing import IO

import msgspec

from allinone.settings import Settings
from comeback_kit.auth import generate_key_pair

_ALPHABET = string.ascii_letters + string.digits


class AlreadyRunning(RuntimeError):
    """Another Comeback uses this folder."""


class NoFolder(RuntimeError):
    """The data folder cannot be made, read or written."""


class Keys(msgspec.Struct, frozen=True):
    """What is made once and kept: the internal signing key, the master key, the first shop's key and secrets."""

    internal_private: str
    internal_public: str
    master: str
    shop_key: str
    customer_secret: str
    shopify_secret: str


class DataDir:
    """One data folder, held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: IO[str] | None = None

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def mails(self) -> Path:
        return self.path / "mails"

    def acquire(self) -> None:
        """Make and lock the folder, and write ``comeback.pid``. Raises ``AlreadyRunning`` and ``NoFolder``."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "comeback.lock").open("a+")
        except OSError as error:
            raise NoFolder(
                f"{self.path} cannot be the data folder ({error.strerror}); set COMEBACK_DATA_DIR to another one"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AlreadyRunning(
                f"another Comeback runs on {self.path}; stop it, or set COMEBACK_DATA_DIR to another folder"
            ) from None
        self._lock = lock
        (self.path / "comeback.pid").write_text(str(os.getpid()))
        self.mails.mkdir(exist_ok=True)

    def release(self) -> None:
        """Give the folder up."""
        if self._lock is not None:
            (self.path / "comeback.pid").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    @property
    def _keys_file(self) -> Path:
        return self.path / "keys.json"

    def _kept(self) -> Keys:
        return msgspec.json.decode(self._keys_file.read_bytes(), type=Keys)

    def kept_shop_key(self, settings: Settings) -> str:
        """The first shop's key, for programs beside the running one; ``FileNotFoundError`` before a first start."""
        return settings.shop_key or self._kept().shop_key

    def keys(self, settings: Settings) -> Keys:
        """The kept keys, made at the first start; what the environment gives takes precedence and is not kept."""
        if self._keys_file.exists():
            kept = self._kept()
        else:
            kept = _new_keys()
            _write_private(self._keys_file, msgspec.json.format(msgspec.json.encode(kept)))
        given = {
            "shop_key": settings.shop_key,
            "customer_secret": settings.customer_secret,
            "shopify_secret": settings.shopify_secret,
        }
        return msgspec.structs.replace(kept, **{name: value for name, value in given.items() if value is not None})


def _new_keys() -> Keys:
    pair = generate_key_pair()
    return Keys(
        internal_private=pair.private,
        internal_public=pair.public,
        master=_random(48),
        shop_key=f"cbk_{secrets.token_hex(4)}_{_random(40)}",
        customer_secret=_random(48),
        shopify_secret=_random(40),
    )


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _write_private(file: Path, content: bytes) -> None:
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(file)
