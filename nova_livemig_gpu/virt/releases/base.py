"""The adapter of one Nova release."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Release:
    """How one Nova release runs the operation beside the monitor.

    :ivar number: 34 for Nova 34.x
    :ivar finished: whether the operation thread has ended, from the tenth
        argument of ``LibvirtDriver._live_migration_monitor``
    :ivar raises_operation_error: ``LibvirtDriver._live_migration`` raises
        what the operation raised once the monitor is done
    """

    number: int
    finished: Callable[[Any], bool]
    raises_operation_error: bool
