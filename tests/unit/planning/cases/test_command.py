"""bench/replay, as it is called."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import replay

REPO = Path(__file__).parents[4]
IDLE = {
    "source": "own",
    "link_mbps": 1000,
    "servers": [{"memory_mib": 512}, {"memory_mib": 256, "starts_s": 1}],
}


@pytest.fixture
def file(tmp_path):
    def write(name="idle", **changes):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({**IDLE, **changes}))
        return str(path)

    return write


def test_a_table(file, capsys):
    assert replay.main([file(), file("other")]) == 0
    said = capsys.readouterr().out
    assert said.count("completed") == 4 and "other" in said
    assert said.endswith("4 runs, 0 miss a bound\n")


def test_json(file, capsys):
    missed = file(bounds=[{"total_s_most": 1}, {"state": "completed"}])
    assert replay.main(["--json", missed]) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert first["file"] == missed and first["bounds"] == {"total_s_most": 1}
    assert first["missed"] == [f"total_s_most is 1.0: {first['total_s']:.1f}"]
    assert first["decisions"][0]["code"] == "first_limit"
    assert second["missed"] == [] and second["state"] == "completed"


def test_one_that_is_wrong_stops_all(file, capsys):
    assert replay.main([file(), file("wrong", seeds=["a"])]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert 'wrong.json: seeds[0] is wrong: "a" is not a number' in err


def test_the_script_itself(file):
    done = subprocess.run(
        [REPO / "bench" / "replay", file()],
        env={"PATH": "/usr/bin:/bin", "LIVEMIG_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 runs, 0 miss a bound" in done.stdout
