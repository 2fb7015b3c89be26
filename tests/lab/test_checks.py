# SPDX-License-Identifier: Apache-2.0
"""The trials' registry, notes and table; no cloud is needed."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from livelab.checks import table
from livelab.checks.trial import Note, Notes, Trial, choose
from livelab.errors import LabError

# The trials need the lab's own packages: OpenStack's clients, libvirt.
command = pytest.importorskip("livelab.checks.__main__", exc_type=ImportError)
TRIALS = command.TRIALS


def _nothing(*_: object) -> None:
    return None


def _found(driver: str, *, ok: bool) -> table.Found:
    notes = Notes()
    notes.expect("server ACTIVE", ok, "ACTIVE" if ok else "ERROR")
    notes.show("seconds", 3)
    return table.Found(Trial("one", "does", _nothing), driver, notes, 1.0)


def test_names_are_unique() -> None:
    names = [trial.name for trial in TRIALS]
    assert len(names) == len(set(names))


def test_every_trial_says_what_it_does() -> None:
    assert all(trial.does for trial in TRIALS)


def test_what_is_only_shown_does_not_fail() -> None:
    notes = Notes()
    notes.show("stock", "ERROR")
    assert not notes.failed


@pytest.mark.parametrize("ok", [True, False])
def test_an_expectation_decides(ok: bool) -> None:
    assert _found("plugin", ok=ok).bad is not ok


def test_both_drivers_share_a_row() -> None:
    made = table.make([_found("stock", ok=False), _found("plugin", ok=True)])
    assert made.row_count == 2
    assert [len(list(column.cells)) for column in made.columns] == [2] * 4
    assert "ERROR" in next(iter(made.columns[2].cells))
    assert "ACTIVE" in next(iter(made.columns[3].cells))


def test_a_line_shows_brackets_as_they_are() -> None:
    note = Note("[livemig_gpu] goal", "[1, 2]", True)
    assert r"\[livemig_gpu]" in table.line(note, "plugin")


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(LabError, match="nosuch"):
        choose(["nosuch"], TRIALS)


def test_no_name_means_all() -> None:
    assert choose([], TRIALS) == list(TRIALS)


def test_the_driver_is_one_of_three() -> None:
    with pytest.raises((SystemExit, argparse.ArgumentError)):
        command._parser().parse_args(["--driver", "other"])


READ = (
    "from nova_livemig_gpu.facts import base, now; "
    "from nova_livemig_gpu.rpc import messages; "
    "print(base.VERSION, now.VERSION, messages.VERSION)"
)


def test_another_version_is_made_of_this_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = pytest.importorskip("livelab.checks.another")
    monkeypatch.delenv(another.VARIABLE, raising=False)
    site: Any = SimpleNamespace(lib=lambda name: tmp_path)
    made = another.another(site)
    assert (made.made, made.strings) == (True, "99")
    done = subprocess.run(
        [sys.executable, "-c", READ],
        env={**os.environ, **made.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["99", "99", "99"]


def test_another_version_that_is_none_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = pytest.importorskip("livelab.checks.another")
    monkeypatch.setenv(another.VARIABLE, str(tmp_path))
    with pytest.raises(LabError, match="LIVEMIG_ANOTHER_VERSION"):
        another.another(SimpleNamespace(lib=lambda name: tmp_path))
