"""A policy that looks at the job at times of its own.

The products whose laws are written down in this room each have a monitor
with its own period. :class:`PeriodicPolicy` gives such a law three steps:

* ``look``: once every ``every_s`` seconds (or as ``wait_s`` and ``wakes``
  say) the law's memory is folded over the sample;
* ``act``: after a look, the memory and the progress are turned into a
  decision, or into none;
* between two looks nothing happens.

``act`` says what ought to be in force now, not what is new: what libvirt has
refused is asked for again after the next look.

What the server's settings forbid is never done: post-copy and auto-converge
are taken where the law takes them and the server permits them;
``bandwidth_mbps`` holds; ``timeout_s`` and ``on_timeout`` hold beside the
law's own end. ``max_downtime_ms`` and ``goal`` are not in force: these laws
have limits of their own.

Example: ``every_s`` is 10; samples come at 0.0, 0.25, ... 9.75, 10.0 s. The
law looks at 0.0 and at 10.0 s, and its memory is the same in between.
"""

import abc
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

from nova_livemig_gpu.model import Decision, StartPlan
from nova_livemig_gpu.policies.base import Policy, bandwidth_mib_s
from nova_livemig_gpu.policies.deadline import at_deadline
from nova_livemig_gpu.policies.progress import Progress

M = TypeVar("M")
#: Two clocks' worth of rounding.
_EPSILON_S = 1e-6


@dataclass(frozen=True)
class Looks(Generic[M]):
    """The memory of a periodic policy.

    :ivar kept: what the law itself keeps
    :ivar next_s: when its next look is due
    :ivar due: it has looked at the newest sample
    """

    kept: M
    next_s: float = 0.0
    due: bool = True


class PeriodicPolicy(Policy, Generic[M]):
    """See the module.

    :cvar every_s: seconds between two looks
    :cvar first_limit_ms: downtime limit at the start; None: QEMU's own,
        300 ms
    :cvar uses_postcopy: the law can ask for post-copy
    :cvar uses_auto_converge: the law starts with auto-converge
    """

    every_s: ClassVar[float]
    first_limit_ms: ClassVar[int | None] = None
    uses_postcopy: ClassVar[bool] = False
    uses_auto_converge: ClassVar[bool] = False

    @abc.abstractmethod
    def blank(self) -> M:
        """Return the memory at the start."""

    @abc.abstractmethod
    def look(self, kept: M, progress: Progress) -> M:
        """Return the memory after a look at ``progress``."""

    @abc.abstractmethod
    def act(self, kept: M, progress: Progress) -> Decision | None:
        """Return what to do after a look. Not called in post-copy, after an
        abort, and while the server is paused."""

    def act_paused(self, kept: M, progress: Progress) -> Decision | None:
        """The same while the server is paused so that it ends."""
        return None

    def wait_s(self, kept: M, progress: Progress) -> float:
        """Seconds until the look after this one."""
        return self.every_s

    def wakes(self, kept: M, progress: Progress) -> bool:
        """Whether a look is due before its time."""
        return False

    def plan(self) -> StartPlan:
        notes = []
        if self._wants_postcopy and self.around.no_postcopy:
            notes.append(f"no post-copy: {self.around.no_postcopy}")
        return StartPlan(
            postcopy=self.postcopy,
            auto_converge=self._auto_converge,
            bandwidth_mib_s=bandwidth_mib_s(self.budget.bandwidth_mbps),
            max_downtime_ms=self.first_limit_ms,
            notes=tuple(notes),
        )

    @property
    def postcopy(self) -> bool:
        """The law can ask for post-copy for this server."""
        return self._wants_postcopy and self.around.no_postcopy is None

    @property
    def _wants_postcopy(self) -> bool:
        return self.uses_postcopy and self.budget.postcopy

    @property
    def _auto_converge(self) -> bool:
        return self.uses_auto_converge and self.budget.auto_converge

    def can_postcopy(self, progress: Progress) -> bool:
        """The running job can be switched to post-copy."""
        return self.postcopy and not progress.postcopy_failed

    def remember(self, progress: Progress) -> Looks[M]:
        old = self._looks(progress)
        rested = progress.elapsed_s >= old.next_s - _EPSILON_S
        if not (rested or self.wakes(old.kept, progress)):
            return replace(old, due=False) if old.due else old
        kept = self.look(old.kept, progress)
        next_s = progress.elapsed_s + self.wait_s(kept, progress)
        return Looks(kept, next_s, due=True)

    def next_look_s(self, progress: Progress) -> float | None:
        return self._looks(progress).next_s

    def decide(self, progress: Progress) -> Decision | None:
        if progress.postcopy or progress.aborting:
            return None
        late = at_deadline(self.budget, progress, self.can_postcopy(progress))
        looks = self._looks(progress)
        if late is not None or not looks.due:
            return late
        if progress.forced:
            return self.act_paused(looks.kept, progress)
        return self.act(looks.kept, progress)

    def _looks(self, progress: Progress) -> Looks[M]:
        found = progress.memory
        if isinstance(found, Looks):
            return found
        return Looks(self.blank())
