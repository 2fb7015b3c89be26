"""What hooks are told, and what the record says of it before they act."""

import json
from pathlib import Path
from typing import Any

from nova_livemig_gpu.migration.hook_calls import HookCalls
from nova_livemig_gpu.migration.hooks import Facts, Hook
from nova_livemig_gpu.migration.record import Records
from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    Surroundings,
)
from nova_livemig_gpu.virt import stephooks
from tests import builders

RAISED = Decision(Action(ActionKind.SET_DOWNTIME, 200), "floor_reached", "ok")
FACTS = Facts(
    migration="m1",
    server="s1",
    server_name="one",
    source="src",
    destination="dest",
    request_id="req-1",
    user_id="u1",
    project_id="p1",
    budget=builders.budget(),
    around=Surroundings(overhead_ms=100),
)


class Seeing(Hook):
    """Reads the record when it is called."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.seen: list[Any] = []

    def before_switchover(self, facts: Facts, decision: Decision) -> None:
        told = json.loads(self._file.read_text())
        self.seen.append(told.get(stephooks.ASKED))


class Other(Hook):
    """Does not mind the switchover."""


def test_the_record_is_written_before_a_server_is_frozen(
    tmp_path: Path,
) -> None:
    """A nova-compute that dies now finds there what to thaw."""
    record = Records(str(tmp_path), 10).create("m1", {"migration": "m1"})
    hook = Seeing(tmp_path / "records" / "m1.json")
    calls = HookCalls((("freeze", hook), ("other", Other())), FACTS, 5)
    watcher = stephooks.HookWatcher(calls, record)
    watcher.switchover_ahead(RAISED)
    watcher.switchover_ahead(RAISED)
    assert hook.seen == [["freeze"]]


def test_without_such_a_hook_nothing_is_written(tmp_path: Path) -> None:
    record = Records(str(tmp_path), 10).create("m1", {"migration": "m1"})
    calls = HookCalls((("other", Other()),), FACTS, 5)
    stephooks.HookWatcher(calls, record).switchover_ahead(RAISED)
    assert not (tmp_path / "records" / "m1.json").exists()
