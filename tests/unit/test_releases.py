"""The table of releases, from what tests/run prints."""

import pytest

from tests import releases
from tests.releases_table import Row, read, rst, text

LOG = """\
FAILED tests/unit/gpu/test_once.py::test_once - assert 1
FAIL: tests.functional.test_steering.SuccessTests.test_completes

stage       result  passed failed skipped    time
unit        FAILED    2559      3       1    479s
functional  ok          37      0       0    122s
2596 passed, 3 failed, 1 skipped
"""
ROW = Row(34, "native")


def test_a_log_is_read() -> None:
    found = read(ROW, LOG)
    assert str(found.cells["unit"]) == (
        "2559 passed, 3 failed, 1 skipped, 479 s"
    )
    assert str(found.cells["functional"]) == "37 passed, 122 s"
    assert len(found.failures) == 2
    assert not found.good


def test_what_did_not_end_is_not_good() -> None:
    found = read(Row(34, "native", ("functional", "nova")), LOG)
    assert not found.good
    assert found.texts()[2:] == ["as above", "37 passed, 122 s", "did not end"]


def test_what_is_skipped_is_told_and_not_bad() -> None:
    log = "nova  ok  23  0  1  9s"
    assert read(Row(34, "native", ("nova",)), log).good


def test_a_part_of_the_unit_tests_is_called_one() -> None:
    log = "unit_nova  ok  823  0  0  59s\nnova  ok  23  0  0  9s\n"
    found = read(Row(33, "eventlet", ("unit", "nova")), log)
    assert found.good
    assert "in part: 823 passed, 59 s" in text([found])
    assert "In part: those of tests/unit" in rst([found])


def test_what_cannot_run_gives_its_reason() -> None:
    found = read(Row(31, "native", why_not="there is no such mode"), "")
    assert found.good
    for table in (text([found]), rst([found])):
        assert "31 on native threads: there is no such mode." in table


def test_every_row_of_the_documentation_s_table_is_complete() -> None:
    table = rst([read(row, LOG) for row in releases.ROWS])
    assert table.count("   * - ") == 1 + len(releases.ROWS)
    assert table.count("     - ") == 4 * (1 + len(releases.ROWS))


@pytest.mark.parametrize("release", releases.RELEASES)
def test_every_release_has_constraints_and_runs(release: int) -> None:
    assert (releases.REPO / f"constraints/nova-{release}.txt").is_file()
    assert any(
        row.release == release and not row.why_not for row in releases.ROWS
    )
