"""What would be known of a simulated guest."""

from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import Surroundings
from nova_livemig_gpu.planning.foreknown import (
    PERIODS_S,
    dirty_curve,
    foreseen,
)
from nova_livemig_gpu.planning.guestwrites import Grow, Idle, Random, Sweep
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.prediction.curve import dirty_bytes
from tests.builders import MIB


def test_a_sweep_and_its_end():
    known = dirty_curve(
        Guest(512 * MIB, 240 * MIB, Sweep(40 * MIB, 100 * MIB))
    )
    assert dirty_bytes(known, 1.0) == 40 * MIB
    assert dirty_bytes(known, 60.0) == 100 * MIB
    assert known.ceiling_bytes == 240 * MIB


def test_a_guest_that_grows_is_seen_young():
    young = Guest(
        512 * MIB, 240 * MIB, Grow(90 * MIB, 100 * MIB, 60.0), age_s=0
    )
    old = Guest(
        512 * MIB, 240 * MIB, Grow(90 * MIB, 100 * MIB, 60.0), age_s=60
    )
    assert dirty_bytes(dirty_curve(young), 2) < dirty_bytes(
        dirty_curve(old), 2
    )


def test_surroundings_get_both():
    around = foreseen(
        Surroundings(overhead_ms=0),
        Guest(512 * MIB, 240 * MIB, Sweep(90 * MIB, 100 * MIB)),
        Hosts(400),
        300,
    )
    assert around.curve is not None and around.forecast is not None
    assert not around.forecast.converges
    # 45.3 MiB/s sent: half of it is written
    assert around.throttle_percent == 75


@given(
    rate=st.floats(0, 1e9),
    size=st.floats(1, 1e9),
    nonzero=st.integers(0, 2**30),
    kind=st.sampled_from([Sweep, Random]),
)
def test_a_curve_never_falls(rate, size, nonzero, kind):
    writer = kind(rate, size) if rate else Idle()
    known = dirty_curve(Guest(2**30, nonzero, writer))
    values = [point.dirty_bytes for point in known.points]
    assert len(values) == len(PERIODS_S)
    assert values == sorted(values)
    assert values[-1] <= max(nonzero, 1)
