# SPDX-License-Identifier: Apache-2.0
"""What a trial with a vGPU is."""

from collections.abc import Callable
from dataclasses import dataclass

from livelab.checks.trial import Notes
from livelab.vfio.trials.bench import Bench


@dataclass(frozen=True)
class Trial:
    """One trial; does is a line that says what is done."""

    name: str
    does: str
    run: Callable[[Bench, Notes], None]
