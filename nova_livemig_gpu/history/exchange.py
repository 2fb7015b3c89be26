"""The history as JSON lines, so that many hosts can be merged.

Entries are known by their migration's UUID: importing a file twice, or two
files that overlap, gives each migration once, and what is known already
stays as it is. A line that is none is left
out and named; the others count.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nova_livemig_gpu.history import codec
from nova_livemig_gpu.history.codec import InvalidEntry
from nova_livemig_gpu.history.entry import Entry
from nova_livemig_gpu.history.store import History

_BATCH = 500
_MOST_LINE = 100_000


@dataclass(frozen=True)
class Imported:
    """What an import came to.

    :ivar read: entries that were read; those known already included
    :ivar wrong: lines that are no entries, each with its reason
    :ivar kept: False: the history could not be written, see the log
    """

    read: int
    wrong: tuple[str, ...]
    kept: bool


def lines(history: History) -> Iterator[str]:
    """Yield every entry as a line without its end."""
    for entry in history.entries():
        yield codec.encode(entry)


def load(history: History, text: Iterable[str]) -> Imported:
    """Merge lines into a history. Empty ones are nothing."""
    wrong: list[str] = []
    read, kept = 0, True
    entries = _entries(text, wrong)
    while batch := list(itertools.islice(entries, _BATCH)):
        kept = history.add(*batch, replace=False) and kept
        read += len(batch)
    return Imported(read, tuple(wrong), kept)


def _entries(text: Iterable[str], wrong: list[str]) -> Iterator[Entry]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            if len(line) > _MOST_LINE:
                raise InvalidEntry(field="the line", reason="too long")
            yield codec.decode(line)
        except InvalidEntry as exc:
            wrong.append(f"line {number}: {exc}")
