"""Who may read what this package writes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from nova_livemig_gpu import files
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.migration.record import Records
from nova_livemig_gpu.model import JobState, Outcome


@pytest.fixture(params=[0o022, 0o000, 0o027])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(root: Path) -> dict[str, int]:
    return {
        str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode)
        for path in root.rglob("*")
    }


def closed_to_others(root: Path) -> bool:
    return not any(mode & 0o007 for mode in modes(root).values())


def test_records_make_their_folders(tmp_path: Path, umask: int) -> None:
    state = tmp_path / "not" / "there" / "livemig_gpu"
    record = Records(str(state), 10).create("m1", {"migration": "m1"})
    record.ended(Outcome(JobState.COMPLETED))
    assert (state / "records" / "m1.json").exists()
    assert closed_to_others(tmp_path)


def test_the_history_and_what_sqlite_puts_beside_it(
    tmp_path: Path, umask: int
) -> None:
    history = History(tmp_path / "state" / "history.sqlite3")
    assert history.count() == 0
    found = modes(tmp_path)
    assert "state/history.sqlite3-wal" in found
    assert closed_to_others(tmp_path)
    history.close()


def test_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """An operator's choice: wider, or narrower."""
    for mode in (0o755, 0o700):
        state = tmp_path / f"{mode:o}"
        state.mkdir()
        state.chmod(mode)
        file = state / "history.sqlite3"
        file.touch()
        file.chmod(mode & 0o666)
        History(file).count()
        Records(str(state), 10).create("m1", {})
        assert stat.S_IMODE(state.stat().st_mode) == mode
        assert stat.S_IMODE(file.stat().st_mode) == mode & 0o666


@pytest.mark.parametrize("mode", [0o755, 0o751, 0o777])
def test_a_folder_that_all_may_enter(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    assert files.open_to_all(tmp_path) == mode


@pytest.mark.parametrize("mode", [0o750, 0o700, 0o770])
def test_a_folder_for_user_and_group(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    assert files.open_to_all(tmp_path) is None
    assert files.open_to_all(tmp_path / "not there") is None


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        files.make_directory(tmp_path / "file" / "below")
    with pytest.raises(OSError):
        files.make_directory(tmp_path / "file")
