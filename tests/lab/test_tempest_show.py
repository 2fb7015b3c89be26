# SPDX-License-Identifier: Apache-2.0
"""lab/tempest: what results mean, and what its options take."""

import json
from dataclasses import asdict

import pytest
from livelab.errors import LabError
from livelab.tempest import __main__ as command
from livelab.tempest import modes, pages, show
from livelab.tempest.runner import Row

PASSED = Row("tempest.api.compute.admin.m.T.test_a", "success", 3.2, "")
SKIPPED = Row("m.T.test_b", "skip", 0.0, "the volume service\nis not there")
FAILED = Row("m.T.test_a", "fail", 1.0, "Traceback\n  x\nValueError: no")


def test_differences():
    assert show.differences([PASSED, SKIPPED], [SKIPPED, PASSED]) == []
    other = Row(PASSED.test, "fail", 1.0, "")
    assert show.differences([PASSED], [other]) == [PASSED.test]
    # One that was not run at all is a difference, too.
    assert show.differences([PASSED, SKIPPED], [PASSED]) == [SKIPPED.test]


def test_a_skip_is_no_failure_and_is_told():
    assert show.failed([PASSED, SKIPPED]) == []
    assert show.failed([FAILED]) == [FAILED.test]
    lines = show.reasons({"stock": [PASSED, SKIPPED], "plugin": [SKIPPED]})
    assert lines == [
        "m.T.test_b (stock, plugin): the volume service is not there"
    ]


def test_a_failure_is_told_by_its_last_line():
    assert show.reasons({"ours": [FAILED]}) == [
        "m.T.test_a (ours): ValueError: no"
    ]


def test_the_table_counts():
    table = show.table("x", {"stock": [PASSED, SKIPPED], "plugin": [FAILED]})
    cells = [list(column.cells) for column in table.columns]
    assert cells[0][0] == "m.T.test_a"
    assert cells[1][-1] == "1 ok, 1 skipped, 0 failed, 3 s"
    assert cells[2][-1] == "0 ok, 0 skipped, 1 failed, 1 s"


def test_the_page():
    text = pages.page({"stock": [PASSED, SKIPPED], "plugin": [SKIPPED]})
    assert "   * - ``m.T.test_a``\n     - 3 s\n     - —\n" in text
    assert text.endswith(
        "\n* ``m.T.test_b``: the volume service is not there\n"
    )


def test_tables_of_what_was_written(tmp_path, capsys):
    """Of two clouds: runs of the same name are one; a failure is one."""
    files = tmp_path / "a.json", tmp_path / "b.json"
    files[0].write_text(json.dumps({"ours": [asdict(PASSED)]}))
    files[1].write_text(json.dumps({"ours": [asdict(SKIPPED)]}))
    page = tmp_path / "page.inc"
    words = ["--table", *map(str, files), "--rst", str(page)]
    assert command.main(words) == 0
    assert "1 ok, 1 skipped, 0 failed" in page.read_text()
    assert "m.T.test_b" in capsys.readouterr().out
    files[1].write_text(json.dumps({"ours": [asdict(FAILED)]}))
    assert command.main(words) == 1


def test_settings():
    found = command._settings(
        ["livemig_gpu.vgpu_resources=VGPU:1", "compute.build_timeout=9"]
    )
    assert found == {
        "livemig_gpu": {"vgpu_resources": "VGPU:1"},
        "compute": {"build_timeout": "9"},
    }


@pytest.mark.parametrize("word", ["livemig_gpu.driver", "driver=1", "x"])
def test_wrong_settings(word):
    with pytest.raises(LabError, match="SECTION"):
        command._settings([word])


def test_modes():
    """Tempest's own tests meet stock Nova as it is, and the plugin whole."""
    stock, plugin = modes.theirs("stock"), modes.theirs("plugin")
    assert "livemig" not in str(stock)
    assert stock.options == plugin.options
    enabled = plugin.controller_options["filter_scheduler"]["enabled_filters"]
    assert "CPUCompatibilityFilter" in enabled
    assert "DifferentHostFilter" in enabled
    assert modes.ours().driver == "plugin"
