"""Rows: what counts, and nothing lost."""

from dataclasses import replace

import pytest

from nova_livemig_gpu.history import rows
from nova_livemig_gpu.history.codec import InvalidEntry
from nova_livemig_gpu.history.entry import Settings
from nova_livemig_gpu.model import JobState, Outcome
from nova_livemig_gpu.prediction.merge import Observed
from tests import builders_history as builders


def back(entry):
    found = rows.columns(entry)
    return rows.entry_of(found["points"], found["body"])


def test_there_and_back():
    entry = builders.entry(overhead_ms=12.5, versions=builders.VERSIONS)
    assert back(entry) == entry


def test_points_keep_three_digits():
    points = (
        Observed(0.125, 1e6, 1e8, 3.0, "measured"),
        Observed(2.0, 5e9, None, 0.0, "passes"),
        Observed(2.0, 0.0, 1e14, 1e9, "elsewhere"),
    )
    first, second, third = back(builders.entry(curve=points)).curve
    assert first.period_s == 0.125 and first.source == "measured"
    assert first.variance_bytes2 == pytest.approx(1e8, rel=1e-2)
    assert second.variance_bytes2 is None
    assert second.dirty_bytes == pytest.approx(5e9, rel=1e-6)
    assert third.source == "history" and third.age_s == 64992.0


def test_packing_twice_changes_nothing_more():
    once = back(builders.typical(5))
    assert back(once) == once


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": Settings(mode="postcopy")},
        {"vfio": True},
        {"outcome": Outcome(JobState.COMPLETED, total_ms=1, forced=True)},
        {"outcome": Outcome(JobState.FAILED, total_ms=1)},
    ],
)
def test_pauses_that_do_not_come_from_the_limit_do_not_count(changes):
    entry = builders.entry(overhead_ms=50.0, **changes)
    found = rows.columns(entry)
    assert found["overhead_ms"] is None
    assert found["downtime_ms"] is None
    assert back(entry).overhead_ms == 50.0


def test_what_did_not_complete_is_no_error_of_the_prediction():
    entry = builders.entry(outcome=Outcome(JobState.CANCELLED, total_ms=7))
    assert rows.columns(entry)["model_total_s"] is None


def test_errors_are_those_of_the_model_alone():
    told = builders.prediction(
        total_s=30.0, factor=1.5, downtime_ms=250.0, offset_ms=50.0
    )
    found = rows.columns(builders.entry(prediction=told))
    assert found["model_total_s"] == 20.0
    assert found["model_downtime_ms"] == 200.0
    assert found["total_s"] == 20.0


def test_names_that_are_no_uuid_are_kept():
    entry = builders.entry(migration="seven", server="a")
    assert rows.key("seven") == "seven"
    assert back(entry) == entry
    upper = entry.migration.upper()
    assert rows.key(upper) == upper


def test_a_damaged_row_is_named():
    found = rows.columns(builders.entry())
    with pytest.raises(InvalidEntry):
        rows.entry_of(None, b"\x00garbage")
    with pytest.raises(InvalidEntry):
        rows.entry_of(b"123", found["body"])


def test_settings_that_are_not_plain():
    for settings in (
        Settings(compression="zstd"),
        Settings(channels=2),
        Settings(tls=True),
    ):
        entry = replace(builders.entry(), settings=settings)
        assert rows.columns(entry)["plain"] == 0
    assert rows.columns(builders.entry())["plain"] == 1
