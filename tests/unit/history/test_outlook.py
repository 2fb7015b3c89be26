"""One forecast for driver and command: memory and curve."""

from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.history import outlook, queries
from nova_livemig_gpu.history.outlook import Outlook
from nova_livemig_gpu.history.queries import Known
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.model import GuestMemory
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.prediction.stun import StunKey, VgpuUse
from tests import builders_history as builders

MIB = 2**20
DAY_S = 86400.0
#: 512 MiB, 300 of them resident.
RESIDENT = GuestMemory(300 * 256, 212 * 256)


@pytest.fixture
def history(tmp_path):
    found = History(tmp_path / "history.sqlite3")
    yield found
    found.close()


#: As much was resident at the earlier migration.
THEN = {"resident_bytes": 300.0 * MIB}


def memory(history, resident=RESIDENT):
    return Outlook(history, builders.NOW).memory(builders.SERVER, resident)


def test_resident_is_at_most(history):
    for each in (None, history):
        found = memory(each)
        assert found.pages == RESIDENT
        assert found.rests_on == "memory: at most 300 MiB, QEMU's resident"


def test_what_was_sent_before(history):
    history.add(builders.entry(1, normal_bytes=61.0 * MIB, **THEN))
    history.add(builders.entry(2, normal_bytes=64.0 * MIB, **THEN))
    found = memory(history)
    assert found.pages.normal_bytes == 64 * MIB
    assert found.pages.zero_pages == 448 * 256
    assert "64 MiB, as earlier migrations" in found.rests_on
    assert "at most" not in found.rests_on


@pytest.mark.parametrize(
    ("then_mib", "now_mib"),
    [(300.0, 64), (290.0, 74), (64.0, 300), (301.0, 300), (None, 300)],
)
def test_what_has_become_resident_since_is_not_zero(
    history, then_mib, now_mib
):
    """Where less is resident than then, QEMU is another one."""
    then = None if then_mib is None else then_mib * MIB
    history.add(
        builders.entry(1, normal_bytes=64.0 * MIB, resident_bytes=then)
    )
    assert memory(history).pages.normal_bytes == now_mib * MIB


def test_never_more_than_is_resident(history):
    history.add(builders.entry(1, normal_bytes=400.0 * MIB, **THEN))
    assert memory(history).pages == RESIDENT


def test_what_is_old_or_anothers_does_not_count(history):
    old = builders.NOW - 8 * DAY_S
    history.add(
        builders.entry(1, normal_bytes=6.0 * MIB, ended_at=old, **THEN)
    )
    history.add(
        builders.entry(
            2, normal_bytes=6.0 * MIB, server=builders.SERVER[::-1], **THEN
        )
    )
    history.add(builders.entry(3, normal_bytes=None, **THEN))
    assert memory(history).pages == RESIDENT


@pytest.mark.parametrize(
    "wrong", [0.0, -5.0, float("nan"), float("inf"), float("-inf")]
)
def test_nonsense_is_unknown(history, wrong):
    history.add(builders.entry(1, normal_bytes=wrong, **THEN))
    assert memory(history).pages == RESIDENT


@given(
    normal=st.floats(0, 2**40),
    zero=st.floats(0, 2**40),
    sent=st.floats(1, 2**60),
)
def test_pages_are_kept_and_only_fewer_are_sent(normal, zero, sent):
    resident = GuestMemory(normal, zero)
    said = Known(sent, None, 1)
    with mock.patch.object(queries, "normal_bytes", lambda *args: said):
        found = Outlook(object(), 0.0).memory("x", resident).pages
    assert 0 <= found.normal_pages <= normal
    whole = found.normal_pages + found.zero_pages
    assert whole == pytest.approx(normal + zero)


def test_a_vgpu_of_unknown_framebuffer_has_no_stun(history):
    known = VgpuUse(StunKey("NVIDIA A40", None), 2 * 10**9, "nvml")
    unknown = replace(known, framebuffer_bytes=None, basis=None)
    ahead = Outlook(history)
    assert ahead.stun([]) is None and ahead.spread([]) is None
    assert ahead.stun([known, unknown]) is None
    assert ahead.spread([known, unknown]) is None
    assert ahead.stun([known]).p50_ms == pytest.approx(
        ahead.spread([known]).p50_s * 1e3
    )


def test_where_the_points_come_from():
    assert "idle guest" in outlook.rests_on_curve(())
    seen = (
        Observed(1.0, 1e6),
        Observed(2.0, 1e6),
        Observed(2.0, 1e6, source="history"),
    )
    said = outlook.rests_on_curve(seen)
    assert said == "dirty curve: 2 measured, 1 history points"


def test_a_server_without_memory_has_a_curve_all_the_same():
    curve = outlook.curve_of((Observed(1.0, 1e6),), GuestMemory(0, 256))
    assert curve.ceiling_bytes == 4096
