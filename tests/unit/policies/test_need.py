"""The least rate at which pre-copy ends."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_livemig_gpu.model import CurvePoint, GuestMemory
from nova_livemig_gpu.policies import need
from nova_livemig_gpu.policies.need import Load, need_bps
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction import curve, qemu
from tests.builders import MIB, at_pass_end

MEMORY = GuestMemory(262144, 0)


def writes(mib_s, mib, ceiling=1024):
    """The curve of a guest that goes over so much memory, again and again."""
    return curve.make(
        (
            CurvePoint(period, min(mib_s * period, mib) * MIB)
            for period in (0.125 * 2**n for n in range(10))
        ),
        float(ceiling * MIB),
    )


def load(**changes):
    usual = Load(MEMORY, writes(20, 128), 300, None, False)
    return replace(usual, **changes)


def test_the_documented_example():
    assert need_bps(load(), 112 * MIB) / MIB == pytest.approx(25.4, abs=0.2)


def test_one_that_takes_more_than_an_hour_needs_its_part():
    """512 GiB over 1 Gbit/s."""
    whole = GuestMemory(2**39 / 4096, 0)
    long = load(memory=whole, curve=writes(50, 1000, 2**19))
    alone_bps = 112 * MIB
    assert qemu.predict(whole, long.curve, alone_bps, 300).total_s > 4000
    assert 50 * MIB < need_bps(long, alone_bps) < 75 * MIB
    soon = replace(long, within_s=4000)
    assert need_bps(soon, alone_bps) == 0, "it does not end in time anyhow"


def test_who_ends_anyhow_needs_nothing():
    assert need_bps(load(ends_anyhow=True), 112 * MIB) == 0
    assert need_bps(load(ends_anyhow=True, curve=None), 112 * MIB) == 0


def test_who_would_not_end_alone_needs_nothing():
    assert need_bps(load(), 19 * MIB) == 0


@pytest.mark.parametrize(
    "missing", [{"curve": None}, {"memory": None}, {"curve": writes(0, 0)}]
)
def test_what_is_not_known(missing):
    if missing.get("curve"):
        missing = {"curve": replace(missing["curve"], points=())}
    assert need_bps(load(**missing), 112 * MIB) is None


def test_a_deadline_needs_more():
    usual = need_bps(load(), 112 * MIB)
    soon = need_bps(load(within_s=30), 112 * MIB)
    assert soon > 1.3 * usual
    assert need_bps(load(within_s=5), 112 * MIB) == 0, "not even alone"


def test_a_device_needs_what_fits_its_budget():
    idle = load(curve=writes(0.01, 1), device_bps=50 * MIB)
    assert need_bps(idle, 112 * MIB) == 50 * MIB
    assert need_bps(idle, 40 * MIB) < 3 * MIB, "no rate makes it sure"
    usual = need_bps(load(), 112 * MIB)
    assert need_bps(load(device_bps=1.0), 112 * MIB) == usual
    left = need.left(at_pass_end([100, 60]), None, idle)
    assert left.device_bps == 50 * MIB


def test_idle_guests_need_next_to_nothing():
    assert need_bps(load(curve=writes(0.01, 1)), 112 * MIB) < 3 * MIB


@settings(max_examples=60, deadline=None)
@given(
    rate=st.floats(0.1, 200),
    reach=st.floats(1, 1000),
    limit=st.floats(20, 2000),
    most=st.floats(2, 2000),
)
def test_with_what_it_needs_it_ends(rate, reach, limit, most):
    own = load(curve=writes(rate, reach), limit_ms=limit)
    found = need_bps(own, most * MIB)
    assert 0 <= found <= most * MIB
    ends = qemu.predict(own.memory, own.curve, found or most * MIB, limit)
    assert ends.converges == bool(found)


def test_what_is_left_at_the_end_of_a_pass():
    progress = at_pass_end([100, 60])
    found = need.left(progress, None, load(within_s=100))
    assert found.memory.normal_bytes == 60 * MIB
    assert found.within_s == 40
    assert found.curve.points
    assert need.left(Progress(), None, load()) == load()


def test_passes_that_left_all_there_is_say_nothing_of_shorter_ones():
    """All 200 MiB were dirtied in 5 s, and in 7: at 112 MiB/s a pass takes
    less than two."""
    progress = at_pass_end([200, 200], 12)
    rest = need.left(progress, None, load(limit_ms=400))
    assert need_bps(rest, 112 * MIB) > 20 * MIB
