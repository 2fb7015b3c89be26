"""What others say, cut to what can be kept.

Guest agents, operators' hooks and commands, libvirt and QEMU say as much as
they like (an agent's answer may have 10 MB). It is cut where it comes in,
before it reaches a log, a record that is parsed again and again, or an event
of Nova's, whose column has a size.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: Characters of one text.
MOST_TEXT = 2000
_MOST_ITEMS = 50
_MOST_DEPTH = 4
#: Characters that any item counts for.
_ITEM = 8


def cut(text: str, most: int = MOST_TEXT) -> str:
    """Return a text, its middle left out where it is too long.

    >>> cut("0123456789" * 10, 44)
    '012345678[... of 100 characters ...]23456789'
    """
    if len(text) <= most:
        return text
    mark = f"[... of {len(text)} characters ...]"
    keep = most - len(mark)
    if keep < 2:
        return text[: max(most, 0)]
    head = keep - keep // 2
    return text[:head] + mark + text[-(keep // 2) :]


def plain(value: Any, most: int = MOST_TEXT) -> Any:
    """Return a value as JSON has it, small.

    All of it together has some ``most`` characters; what comes after that is
    left out. Lists and mappings keep 50 items, four deep.
    """
    return _Cutter(most).plain(value, _MOST_DEPTH)


class _Cutter:
    def __init__(self, most: int) -> None:
        self._left = most

    def plain(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            if value.bit_length() < 64:
                return value
            return self._text(f"an integer of {value.bit_length()} bits")
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            if not depth:
                return self._text("...")
            return self._items(value, depth - 1)
        if isinstance(value, bytes | bytearray):
            return self._text(
                bytes(value[: max(self._left, 0)]).decode("latin-1")
            )
        return self._text(str(value))

    def _items(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return {
                self._text(str(key)): self.plain(value[key], depth)
                for key in self._few(value)
            }
        return [self.plain(item, depth) for item in self._few(value)]

    def _few(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in itertools.islice(items, _MOST_ITEMS):
            if self._left <= 0:
                return
            self._left -= _ITEM
            yield item

    def _text(self, text: str) -> str:
        kept = cut(text, max(self._left, 0))
        self._left -= len(kept)
        return kept
