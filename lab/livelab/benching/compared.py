# SPDX-License-Identifier: Apache-2.0
"""One migration, or the medians of a cell, really and simulated."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Compared:
    """None: it did not complete, or is not known.

    :ivar key: which migration or cell
    """

    key: str
    real_s: float | None
    real_ms: float | None
    simulated_s: float | None
    simulated_ms: float | None

    @property
    def agrees(self) -> bool:
        """Both completed, or both did not."""
        return (self.real_s is None) == (self.simulated_s is None)

    @property
    def error(self) -> float | None:
        """Of the total, as a share of the real one."""
        if self.real_s is None or self.simulated_s is None:
            return None
        return self.simulated_s / self.real_s - 1
