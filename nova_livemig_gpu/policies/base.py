"""What a policy is.

A policy decides and does nothing: no clock, no I/O, no memory of its own.
It gets the whole state of the migration with every call, so that the same
policy runs in nova-compute, in the bench and in a simulator.

A law that needs a past of its own (a counter, a moving average, how far it
is in a schedule) folds it: ``remember`` gets every sample as a Progress whose
``memory`` is what the call before returned, and returns the next memory, an
immutable value. It travels in the Progress, so that another object of the
same policy goes on where the first was. ``policies.periodic`` does this for
laws that look at the job at times of their own.

To write one: subclass :class:`Policy`, register it as an entry point in
``nova_livemig_gpu.policies`` and name it in ``[livemig_gpu] policy`` or in
the flavor extra spec ``livemig_gpu:policy``.
"""

import abc

from nova_livemig_gpu.model import (
    Budget,
    Decision,
    StartPlan,
    Surroundings,
)
from nova_livemig_gpu.policies.progress import Progress

_BITS = 8
_MIB = 2**20


class Policy(abc.ABC):
    """A control law for one migration.

    :cvar steers: False leaves the migration to Nova's own monitor
    :cvar paces: it sets the sending rate itself, and is given none
    """

    steers = True
    paces = False

    def __init__(self, budget: Budget, around: Surroundings) -> None:
        self.budget = budget
        self.around = around

    @abc.abstractmethod
    def plan(self) -> StartPlan:
        """Return what is fixed at the start."""

    @abc.abstractmethod
    def decide(self, progress: Progress) -> Decision | None:
        """Return what to do now, or None. Called for every sample."""

    def remember(self, progress: Progress) -> object | None:
        """Return the memory after this sample; ``progress.memory`` is the
        one before. Called for every sample of a running job, before
        ``decide``, also while nothing may be asked of libvirt."""
        return progress.memory

    def next_look_s(self, progress: Progress) -> float | None:
        """Return when, in seconds since the loop began, the next sample is
        wanted at the latest; None: whenever the loop looks."""
        return None


def bandwidth_mib_s(mbps: int | None) -> int:
    """Convert Mbit/s to libvirt's MiB/s; 0 stays "no limit".

    >>> [bandwidth_mib_s(x) for x in (None, 0, 1, 400)]
    [0, 0, 1, 48]
    """
    if not mbps:
        return 0
    return max(1, round(mbps * 10**6 / _BITS / _MIB))
