"""The history of this host's migrations, in SQLite: stub of the contract."""

from pathlib import Path

from nova_livemig_gpu.history.entry import Entry


class History:
    """Nothing here raises: without a history predictions are coarser."""

    def __init__(self, path: Path, most: int = 100_000) -> None:
        """:param path: the file, made when needed

        :param most: entries that are kept; the oldest go first
        """
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> bool:
        """Keep an entry. False: it could not be, and the log says why."""
        self._entries.append(entry)
        return True

    def close(self) -> None:
        """Let go of the file."""
