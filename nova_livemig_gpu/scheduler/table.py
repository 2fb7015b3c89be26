"""The facts of many hosts, column by column.

Ten thousand hosts lie scattered in memory; the columns do not. A filter that
goes through the columns it needs touches none of the hosts that pass.
"""

from collections.abc import Iterable, Sequence
from itertools import compress

from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.facts.now import Load, Now


class Table:
    """One row for each host; None, and no totals, where it tells nothing.

    :ivar bases: what seldom changes; hosts with equal bases share one
    :ivar totals: see :class:`Now`
    :ivar loads: see :class:`Now`
    """

    __slots__ = ("bases", "loads", "totals")

    def __init__(
        self,
        bases: list[Base | None],
        totals: list[bytes],
        loads: list[Load | None],
    ) -> None:
        self.bases = bases
        self.totals = totals
        self.loads = loads

    @classmethod
    def of(cls, views: Iterable[Now | None]) -> "Table":
        """Return the table of hosts."""
        table = cls([], [], [])
        for view in views:
            table.bases.append(None)
            table.totals.append(b"")
            table.loads.append(None)
            table.put(-1, view)
        return table

    def put(self, at: int, view: Now | None) -> None:
        """Replace a row."""
        self.bases[at] = None if view is None else view.base
        self.totals[at] = b"" if view is None else view.totals
        self.loads[at] = None if view is None else view.load

    def copy(self) -> "Table":
        """Return a table that can be changed on its own."""
        return Table(self.bases.copy(), self.totals.copy(), self.loads.copy())

    def only(self, chosen: Sequence[bool]) -> "Table":
        """Return the chosen rows."""
        return Table(
            list(compress(self.bases, chosen)),
            list(compress(self.totals, chosen)),
            list(compress(self.loads, chosen)),
        )

    def pick(self, rows: Sequence[int]) -> "Table":
        """Return rows by their numbers, in this order."""
        return Table(
            [self.bases[at] for at in rows],
            [self.totals[at] for at in rows],
            [self.loads[at] for at in rows],
        )
