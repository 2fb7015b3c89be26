"""The record of one migration: what was seen, decided and got.

One JSON file for each migration under ``<state_dir>/records``, named by the
migration's UUID, written whole when it starts, when something is decided
and when it ends. A crash leaves the last of these. Losing records costs
accuracy of later predictions, nothing else, so nothing here raises.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu import files, foreign
from nova_livemig_gpu.model import (
    ActionKind,
    Budget,
    Decision,
    Outcome,
    Sample,
    StartPlan,
)

LOG = logging.getLogger(__name__)

FORMAT = 1
#: More samples than this are thinned to every second one.
MOST_SAMPLES = 2000
#: More decisions than this are only in the log.
MOST_DECISIONS = 500
#: Ours have 1 MB at most; what is larger is not read.
_MOST_BYTES = 4 * 10**6
#: A file that is newer than now by more than this has the stamp of a clock
#: that was ahead.
_AHEAD_S = 3600.0
_SAMPLE_FIELDS = (
    "t_s",
    "iteration",
    "processed_bytes",
    "remaining_bytes",
    "memory_bps",
    "dirty_bps",
    "throttle_percent",
    "downtime_ms",
    "vfio_bytes",
    "disk_remaining_bytes",
    "stopped",
)


class Record:
    """Collects what one migration shows. Times are the loop's, seconds."""

    def __init__(self, path: Path | None, head: dict[str, Any]) -> None:
        """:param path: the file; None: the record is kept in memory only

        :param head: who, what, from, to, when; JSON values
        """
        self._path = path
        self._head = {"format": FORMAT, **head}
        self._columns: dict[str, list[Any]] = {f: [] for f in _SAMPLE_FIELDS}
        self._keep_every = 1
        self._seen = 0
        self.decisions: list[dict[str, Any]] = []
        self.outcome: Outcome | None = None

    def planned(self, budget: Budget, plan: StartPlan | None) -> None:
        """Note the settings and what was fixed at the start.

        :param plan: None: as Nova has it
        """
        self._head["budget"] = _plain(asdict(budget))
        self._head["plan"] = plan and _plain(asdict(plan))
        self.write()

    def note(self, **facts: Any) -> None:
        """Note further facts beside the head; long texts are cut."""
        for name, value in facts.items():
            text = isinstance(value, str)
            self._head[name] = foreign.cut(value) if text else value

    def sample(self, sample: Sample) -> None:
        """Keep a sample, thinned where there are many."""
        self._seen += 1
        if self._seen % self._keep_every:
            return
        for name, column in self._columns.items():
            column.append(getattr(sample, name))
        if len(self._columns["t_s"]) >= MOST_SAMPLES:
            for column in self._columns.values():
                del column[1::2]
            self._keep_every *= 2

    def decided(
        self, t_s: float, decision: Decision, refused: str | None = None
    ) -> None:
        """Note a decision, and why it could not be carried out if so.

        Rates are set again and again; the first half of all that are kept
        may be such, so that how it ended is never left out for them.
        """
        most = MOST_DECISIONS
        if decision.action.kind is ActionKind.SET_BANDWIDTH:
            most //= 2
        if len(self.decisions) >= most:
            return
        self.decisions.append(
            {
                "t_s": round(t_s, 3),
                "action": decision.action.kind.value,
                "value": decision.action.value,
                "code": decision.code,
                "reason": decision.reason,
                "numbers": dict(decision.numbers),
                "refused": refused and foreign.cut(refused),
            }
        )
        self.write()

    def ended(self, outcome: Outcome) -> None:
        """Note how it ended."""
        self.outcome = outcome
        self.write()

    def discard(self) -> None:
        """Leave no file."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._path = None

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return {
            **self._head,
            "decisions": self.decisions,
            "outcome": self.outcome and _plain(asdict(self.outcome)),
            "samples": self._columns,
        }

    def write(self) -> None:
        """Write the file, whole or not at all."""
        if self._path is None:
            return
        try:
            files.replace(self._path, json.dumps(self.as_dict()))
        except (OSError, ValueError, TypeError) as exc:
            LOG.warning(
                "Cannot write the migration record %s: %s. Check "
                "[livemig_gpu] state_dir.",
                self._path,
                exc,
            )
            self._path = None


class Records:
    """The records of this host."""

    def __init__(self, state_dir: str, most: int) -> None:
        """:param most: how many are kept"""
        self._dir = Path(state_dir) / "records"
        self._most = most

    def create(self, migration_uuid: str, head: dict[str, Any]) -> Record:
        """Return a new record; in memory only where no file can be had."""
        try:
            files.make_directory(self._dir)
            self._prune()
        except OSError as exc:
            LOG.warning(
                "Migration records are not kept: %s. Check [livemig_gpu] "
                "state_dir.",
                exc,
            )
            return Record(None, head)
        return Record(self._dir / f"{migration_uuid}.json", head)

    def latest(self, count: int) -> Iterator[dict[str, Any]]:
        """Yield the newest records, newest first; unreadable ones are not
        there."""
        for path in reversed(self._files()[-count:]):
            with contextlib.suppress(OSError, ValueError, RecursionError):
                if path.stat().st_size > _MOST_BYTES:
                    continue
                found = json.loads(path.read_text())
                if isinstance(found, dict) and found.get("format") == FORMAT:
                    yield found

    def unfinished(self) -> Iterator[dict[str, Any]]:
        """Yield the records that have no outcome, newest first."""
        for found in self.latest(self._most):
            if found.get("outcome") is None:
                yield found

    def finish(self, found: dict[str, Any], outcome: Outcome) -> None:
        """Give an outcome to a record that a crash left without one."""
        path = self._dir / f"{found['migration']}.json"
        body = {**found, "outcome": _plain(asdict(outcome))}
        try:
            files.replace(path, json.dumps(body))
        except OSError as exc:
            LOG.warning("Cannot write %s: %s", path, exc)

    def _files(self) -> list[Path]:
        """The oldest first; before them those from the future, whose age is
        unknown: no clock that was ahead may keep them in front for ever."""
        latest_s = time.time() + _AHEAD_S

        def age(path: Path) -> tuple[bool, float]:
            try:
                written_s = path.stat().st_mtime
            except OSError:
                written_s = 0.0
            return written_s <= latest_s, written_s

        return sorted(self._dir.glob("*.json"), key=age)

    def _prune(self) -> None:
        for path in self._files()[: -self._most + 1 or None]:
            with contextlib.suppress(OSError):
                path.unlink()


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
