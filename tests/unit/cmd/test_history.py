"""``nova-livemig-gpu history``."""

import io

import pytest

from nova_livemig_gpu.cmd import main as command
from nova_livemig_gpu.history.store import History
from tests import builders_history as builders


@pytest.fixture
def run(tmp_path, capsys):
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n")

    def call(*words):
        status = command.main(
            ["history", *map(str, words), "--config-file", str(conf)]
        )
        done = capsys.readouterr()
        return status, done.out, done.err

    return call


@pytest.fixture
def one(tmp_path):
    history = History(tmp_path / "one.sqlite3")
    history.add(*(builders.typical(n) for n in range(5)))
    yield history
    history.close()


def test_from_one_host_to_another(run, one, tmp_path):
    file = tmp_path / "lines"
    assert run("export", file, "--history", one.path) == (0, "", "")
    for _ in range(2):
        status, out, _ = run("import", file)
        assert status == 0
        assert out.startswith("5 entries read, 5 in")
    path = tmp_path / "state/livemig_gpu/history.sqlite3"
    assert History(path).count() == 5


def test_through_a_pipe(run, one, monkeypatch, tmp_path):
    status, out, _ = run("export", "--history", one.path)
    assert status == 0 and len(out.splitlines()) == 5
    monkeypatch.setattr("sys.stdin", io.StringIO(out))
    assert run("import", "--history", tmp_path / "new")[0] == 0
    assert History(tmp_path / "new").count() == 5


def test_no_history_is_an_empty_one(run):
    assert run("export") == (0, "", "")


def test_wrong_lines_are_named_and_the_others_kept(run, one, tmp_path):
    file = tmp_path / "lines"
    run("export", file, "--history", one.path)
    file.write_text(file.read_text() + "nonsense\n")
    status, out, err = run("import", file)
    assert status == 2 and "line 6" in err
    assert "5 entries read" in out


def test_files_that_are_not_there(run):
    status, _, err = run("import", "/nowhere")
    assert status == 2 and "argument FILE" in err
    status, _, err = run("export", "--history", "/nowhere")
    assert status == 2 and "argument --history" in err


def test_files_that_cannot_be_written(run, one, tmp_path):
    status, _, err = run("export", "/nowhere/x", "--history", one.path)
    assert status == 1 and "/nowhere/x" in err
    file = tmp_path / "lines"
    run("export", file, "--history", one.path)
    (tmp_path / "state").write_text("")
    status, _, err = run("import", file)
    assert status == 1 and "cannot be written" in err
