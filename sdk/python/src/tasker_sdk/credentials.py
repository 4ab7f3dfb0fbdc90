"""Where the bearer token comes from: a text, a file that is followed, or a function."""

from __future__ import annotations

import os
import threading
import time
from typing import Callable

from .errors import SetupError

_CHECK_SECONDS = 10.0
"""A file is read again at least this often: its times may not tell of every change."""


class Token:
    """A bearer token. It never prints itself."""

    def __init__(self, read: Callable[[], str], *, changes: bool) -> None:
        self._read = read
        self.changes = changes
        """Whether a later call of `text` may give another token."""

    @classmethod
    def of(cls, text: str) -> "Token":
        """A token that stays."""
        token = text.strip()
        if not token:
            raise SetupError("the token is empty")
        return cls(lambda: token, changes=False)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> "Token":
        """The token in a file, followed: a file that cannot be read keeps the last token."""
        return cls(_File(path).text, changes=True)

    @classmethod
    def from_provider(cls, provider: Callable[[], str]) -> "Token":
        """The token that a function gives; it is called before each call and has to keep what is costly to make."""
        return cls(lambda: provider().strip(), changes=True)

    @classmethod
    def from_environment(cls) -> "Token | None":
        """The token of `TASKER_TOKEN_FILE`, else of `TASKER_TOKEN`, else none."""
        if path := os.environ.get("TASKER_TOKEN_FILE"):
            return cls.from_file(path)
        if text := os.environ.get("TASKER_TOKEN"):
            return cls.of(text)
        return None

    def text(self) -> str:
        """The present token."""
        return self._read()

    def __repr__(self) -> str:
        return "Token([redacted])"


class _File:
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._checked = float("-inf")
        self._text = ""
        if not self.text():
            raise SetupError(f"the token file {os.fspath(path)} is empty or cannot be read")

    def text(self) -> str:
        with self._lock:
            try:
                stat = os.stat(self._path)
                seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                if seen != self._seen or time.monotonic() - self._checked > _CHECK_SECONDS:
                    with open(self._path, encoding="utf-8") as file:
                        text = file.read().strip()
                    if text:
                        self._text, self._seen, self._checked = text, seen, time.monotonic()
            except (OSError, UnicodeDecodeError):
                pass
            return self._text
