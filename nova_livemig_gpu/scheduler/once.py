"""Tells of a fault of ours once, not for each request."""

import traceback
from typing import Any

_MOST = 100
_told: set[tuple[str, str, str]] = set()


def once(log: Any, error: Exception, message: str) -> None:
    """Log an error with its traceback, the first time it happens there."""
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f"{each.filename}:{each.lineno}" for each in frames)
    key = (message, type(error).__name__, where)
    if key in _told:
        log.debug("%s, again: %s", message, error)
        return
    if len(_told) >= _MOST:
        _told.clear()
    _told.add(key)
    log.error("%s", message, exc_info=error)
