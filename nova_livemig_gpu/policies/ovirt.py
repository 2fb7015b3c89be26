"""oVirt's four migration policies.

The job is looked at every 10 s. Let i be the number of the pass, counted
from the first one seen (0). Where i has risen since the look before and the
head of the schedule has a number below i, that step is done and dropped: one
step a look at most. Steps without a number come last, and any rise of i is
enough for them. All four permit auto-converge.

=============================  =====  ================================  =====
policy                         first  after pass i > n: limit in ms     then
=============================  =====  ================================  =====
ovirt-minimal-downtime           100  1:150 2:200 3:300 4:400 6:500     abort
ovirt-suspend                    100  the same                          5000,
                                                                        abort
ovirt-post-copy                  100  1:150 2:200                       post-
                                                                        copy,
                                                                        abort
ovirt-very-large                 300  1:400 2:500 3:700 4:1000 6:1500   5000,
                                                                        abort
=============================  =====  ================================  =====

Source: ovirt-engine, the migration policies of a cluster ("Minimal
downtime", "Suspend workload if needed", "Post-copy migration", "Very large
VMs"), as its host agent carries them out.

A step to post-copy is left out where the server cannot use post-copy.
Missing data: while the pass is unknown, nothing is done.

Example, ovirt-minimal-downtime: first seen in pass 1, in pass 3 at 10 s
(i = 2), in pass 9 at 20 s (i = 8), in pass 12 at 30 s: 150 ms at 10 s, 200
ms at 20 s, 300 ms at 30 s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    Surroundings,
)
from nova_livemig_gpu.policies.periodic import PeriodicPolicy
from nova_livemig_gpu.policies.progress import Progress

#: Before any pass: any rise is enough.
_LAST = -1


@dataclass(frozen=True)
class Step:
    """One step of a schedule.

    :ivar above: done when more passes than this have ended
    """

    above: int
    action: Action


@dataclass(frozen=True)
class Place:
    """Where in its schedule a migration is.

    :ivar first: number of the first pass that was seen; None: none yet
    :ivar passes: i at the last look
    :ivar done: how many steps have been taken
    """

    first: int | None = None
    passes: int = 0
    done: int = 0


def _limits(steps: Mapping[int, int]) -> tuple[Step, ...]:
    """Build steps from "above": limit in ms."""
    return tuple(
        Step(above, Action(ActionKind.SET_DOWNTIME, limit_ms))
        for above, limit_ms in steps.items()
    )


_ABORT = (Step(_LAST, Action(ActionKind.ABORT)),)
_POSTCOPY = (Step(_LAST, Action(ActionKind.START_POSTCOPY)),)
_SUSPEND = _limits({_LAST: 5000})
_USUAL = _limits({1: 150, 2: 200, 3: 300, 4: 400, 6: 500})


class OvirtPolicy(PeriodicPolicy[Place]):
    """See the module for the law.

    :cvar schedule: its steps, in order
    """

    every_s = 10.0
    uses_auto_converge = True
    schedule: ClassVar[tuple[Step, ...]]

    def __init__(self, budget: Budget, around: Surroundings) -> None:
        super().__init__(budget, around)
        self._steps = tuple(
            step
            for step in self.schedule
            if self.postcopy
            or step.action.kind is not ActionKind.START_POSTCOPY
        )

    def blank(self) -> Place:
        return Place()

    def look(self, kept: Place, progress: Progress) -> Place:
        iteration = progress.sample.iteration if progress.sample else None
        if not iteration:
            return kept
        first = iteration if kept.first is None else kept.first
        passes = iteration - first
        done = kept.done
        rose = passes > kept.passes
        if rose and done < len(self._steps):
            done += self._steps[done].above < passes
        return replace(kept, first=first, passes=passes, done=done)

    def act(self, kept: Place, progress: Progress) -> Decision | None:
        if not kept.done:
            return None
        action = self._steps[kept.done - 1].action
        if self._in_force(action, progress):
            return None
        return Decision(
            action,
            code="schedule",
            reason=(
                f"step {kept.done} of {len(self._steps)}, "
                f"{kept.passes} passes after the first one seen"
            ),
            numbers={"passes": kept.passes, "step": kept.done},
        )

    def _in_force(self, action: Action, progress: Progress) -> bool:
        """It has been done, or has been refused for good."""
        if action.kind is ActionKind.START_POSTCOPY:
            return not self.can_postcopy(progress)
        limit = action.kind is ActionKind.SET_DOWNTIME
        return limit and action.value == progress.limit_ms


class MinimalDowntimePolicy(OvirtPolicy):
    """``ovirt-minimal-downtime``"""

    first_limit_ms = 100
    schedule = _USUAL + _ABORT


class SuspendPolicy(OvirtPolicy):
    """``ovirt-suspend``, "Suspend workload if needed" """

    first_limit_ms = 100
    schedule = _USUAL + _SUSPEND + _ABORT


class PostCopyPolicy(OvirtPolicy):
    """``ovirt-post-copy``"""

    first_limit_ms = 100
    uses_postcopy = True
    schedule = _limits({1: 150, 2: 200}) + _POSTCOPY + _ABORT


class VeryLargePolicy(OvirtPolicy):
    """``ovirt-very-large``, "Very large VMs" """

    first_limit_ms = 300
    schedule = (
        _limits({1: 400, 2: 500, 3: 700, 4: 1000, 6: 1500}) + _SUSPEND + _ABORT
    )
