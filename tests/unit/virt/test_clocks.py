"""What the hosts' clocks differ by, told from libvirt's statistics."""

from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.virt.clocks import MOST_WAY_MS, apart_ms
from nova_livemig_gpu.virt.stats import to_final

PAUSES = st.integers(0, 60_000)


def told(pause_ms, ahead_ms, way_ms):
    """What libvirt makes of it: src/qemu/qemu_domainjob.c."""
    return {
        "type": 3,
        "memory_total": 1,
        "time_elapsed": 90_000 + ahead_ms,
        "downtime": pause_ms + ahead_ms,
        "downtime_net": pause_ms - way_ms,
    }


@given(PAUSES, st.integers(0, MOST_WAY_MS))
def test_clocks_that_agree(pause_ms, way_ms):
    stats = told(pause_ms + way_ms, 0, way_ms)
    assert apart_ms(stats) == 0
    assert to_final(stats).downtime_ms == pause_ms + way_ms


@given(PAUSES, st.integers(-10_000, 10_000), st.integers(0, MOST_WAY_MS))
def test_the_pause_is_told_right_whatever_the_clocks_say(
    pause_ms, ahead_ms, way_ms
):
    """Never more than a message's way from the truth."""
    pause_ms += way_ms + max(-ahead_ms, 0)
    final = to_final(told(pause_ms, ahead_ms, way_ms))
    assert abs(final.downtime_ms - pause_ms) <= MOST_WAY_MS
    assert abs(final.elapsed_ms - 90_000) <= MOST_WAY_MS


@given(
    *2
    * [
        st.none()
        | st.booleans()
        | st.text()
        | st.floats()
        | st.integers(-9, 0)
    ]
)
def test_what_is_no_number_tells_nothing(whole, net):
    assert apart_ms({"downtime": whole, "downtime_net": net}) == 0
    assert apart_ms({}) == 0
