# SPDX-License-Identifier: Apache-2.0
"""What the guest says about its load and its memory."""

import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from livelab.errors import LabError

BEAT = re.compile(r"HB t=[\d.]+ done=\d+ rate=([\d.]+)")
BEGIN = re.compile(r"SWEEP (\d+) begin t=[\d.]+")
END = re.compile(r"SWEEP (\d+) (ok|BAD) .*t=[\d.]+")
STEADY_BEATS = 3
STEADY_SHARE = 0.05
POLL_S = 0.2

Say = Callable[[str], None]


@dataclass(frozen=True)
class Console:
    """The file that the hypervisors write the guest's lines to."""

    file: Path

    def lines(self) -> list[str]:
        """Its whole lines.

        The destination's QEMU empties the file and writes from its begin,
        while the source's goes on where it was: what lies between are zero
        bytes, and lines may be cut where the two meet.
        """
        try:
            data = self.file.read_bytes()
        except FileNotFoundError:
            return []
        text = data.replace(b"\0", b"").decode(errors="replace")
        return [line.rstrip("\r") for line in text.split("\n")[:-1]]

    def restart(self) -> None:
        """Empty it: all that is read from now on was printed after this.

        Without this the order of lines is lost after a migration.
        """
        os.truncate(self.file, 0)

    def wait_steady(
        self, rate_mib: float, say: Say, timeout: float = 120
    ) -> None:
        """Wait until the load writes at its rate; raises LabError."""
        self._wait(
            lambda lines: _steady(lines, rate_mib),
            f"no steady load of {rate_mib:.0f} MiB/s; is the machine busy?",
            say,
            timeout,
        )

    def wait_sweep(self, say: Say, timeout: float = 120) -> bool:
        """Wait for a sweep of all memory that begins now: was all right?"""
        found = self._wait(
            lambda lines: sweep_verdict(lines) is not None or damaged(lines),
            "the guest did not verify its memory",
            say,
            timeout,
        )
        return not damaged(found)

    def _wait(
        self,
        over: Callable[[list[str]], bool],
        failure: str,
        say: Say,
        timeout: float,
    ) -> list[str]:
        limit = time.monotonic() + timeout
        while True:
            lines = self.lines()
            if over(lines):
                return lines
            if time.monotonic() > limit:
                said = "".join(f"\n  {line}" for line in lines[-6:])
                raise LabError(f"{failure} ({timeout:.0f} s); it said:{said}")
            say(lines[-1] if lines else "the guest is silent")
            time.sleep(POLL_S)


def rates(lines: Iterable[str]) -> list[float]:
    """What the load wrote in each second, MiB/s."""
    beats = [BEAT.fullmatch(line) for line in lines]
    return [float(beat[1]) for beat in beats if beat]


def _steady(lines: Iterable[str], rate_mib: float) -> bool:
    last = rates(lines)[-STEADY_BEATS:]
    if len(last) < STEADY_BEATS:
        return False
    return all(abs(rate / rate_mib - 1) <= STEADY_SHARE for rate in last)


def sweep_verdict(lines: Iterable[str]) -> bool | None:
    """Of the first sweep that both begins and ends in these lines."""
    begun = set()
    for line in lines:
        if begin := BEGIN.fullmatch(line):
            begun.add(begin[1])
        end = END.fullmatch(line)
        if end and end[1] in begun:
            return end[2] == "ok"
    return None


def damaged(lines: Iterable[str]) -> bool:
    """Whether the guest found a wrong byte, whenever that was."""
    return any("BAD " in line for line in lines)
