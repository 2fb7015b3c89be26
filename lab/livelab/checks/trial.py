# SPDX-License-Identifier: Apache-2.0
"""What a trial is, and what it notes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from livelab.cloud.ini import Sections
from livelab.errors import LabError

if TYPE_CHECKING:
    from livelab.checks.world import World


@dataclass(frozen=True)
class Note:
    """One thing that was looked at; ok is None where nothing is demanded."""

    what: str
    got: str
    ok: bool | None


@dataclass
class Notes:
    """All that one trial found with one driver."""

    items: list[Note] = field(default_factory=list)

    def expect(self, what: str, ok: bool, got: object) -> bool:
        """Note something that the plugin must fulfil."""
        self.items.append(Note(what, str(got), ok))
        return ok

    def show(self, what: str, got: object) -> None:
        """Note something that is only shown."""
        self.items.append(Note(what, str(got), None))

    @property
    def failed(self) -> bool:
        """Whether something that must be so is not."""
        return any(note.ok is False for note in self.items)


@dataclass(frozen=True)
class Trial:
    """One trial.

    :ivar does: what is done, in a line
    :ivar options: laid over ``world.BASE`` in the computes' nova.conf
    :ivar stock: whether it says something with stock Nova
    :ivar prepare: configures the cloud instead, where options do not do
    """

    name: str
    does: str
    run: Callable[["World", Notes], None]
    options: Sections = field(default_factory=dict)
    stock: bool = True
    prepare: Callable[["World"], None] | None = None


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_T = TypeVar("_T", bound=_Named)


def choose(names: Sequence[str], trials: Sequence[_T]) -> list[_T]:
    """Return trials by their names; no name: all of them.

    :raises LabError: there is no such trial
    """
    known = {trial.name: trial for trial in trials}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise LabError(
            f"{', '.join(wrong)}: no such trial; there are {', '.join(known)}"
        )
    return [known[name] for name in names] or list(trials)
