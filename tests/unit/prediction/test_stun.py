"""The stun model against the published tables and unknown GPUs.

The "P90 interval" here holds nine of ten values: from P5 to P95.
"""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.prediction import published
from nova_livemig_gpu.prediction.stun import (
    StunKey,
    StunSeen,
    VgpuUse,
    over,
    spread,
    stun,
)

GB = 10**9
#: Nothing is published under this name.
KEY = StunKey("some GPU", "some GPU-8Q", "570.1", 10_000)


def use(gb, key=KEY, basis="nvml"):
    return VgpuUse(key, None if gb is None else round(gb * GB), basis)


def seen(gb, stun_s, key=KEY, vgpus=1):
    return StunSeen(key, round(gb * GB), stun_s, vgpus)


def left_out(table, number):
    """Predict a row from all others of its table."""
    others = [seen(*row) for n, row in enumerate(table) if n != number]
    return spread([use(table[number][0])], others)


V100_ROWS = pytest.mark.parametrize(
    "table", [published.V100, published.V100_WORST], ids=["expected", "worst"]
)
ALL = [
    (table, number)
    for table in (published.V100, published.V100_WORST, published.P40)
    for number in range(6)
]


@V100_ROWS
@pytest.mark.parametrize("number", range(1, 5))
def test_left_out_inside_the_v100_rows(table, number):
    found = left_out(table, number)
    assert abs(found.p50_s - table[number][1]) <= 1.5


@V100_ROWS
@pytest.mark.parametrize("number", [0, 5])
def test_left_out_at_the_ends_of_the_v100_rows(table, number):
    wanted = table[number][1]
    assert abs(left_out(table, number).p50_s - wanted) <= 0.12 * wanted


@pytest.mark.parametrize("number", range(6))
def test_left_out_of_the_p40_rows(number):
    wanted = published.P40[number][1]
    assert abs(left_out(published.P40, number).p50_s - wanted) <= 0.5


@pytest.mark.parametrize(("table", "number"), ALL)
def test_published_value_is_inside_the_interval(table, number):
    found = left_out(table, number)
    assert found.p05_s <= table[number][1] <= found.p95_s
    # and once in ten it may exceed P90: here it never does
    assert table[number][1] <= found.p90_s


class Unknown:
    """A GPU nobody has seen: a line, noise that grows with the stun."""

    def __init__(self, rnd):
        self._rnd = rnd
        self._a = rnd.uniform(0.1, 3.0)
        self._b = math.exp(rnd.uniform(math.log(0.1), math.log(8.0)))
        self._noise = rnd.uniform(0.01, 0.1)
        self._most_gb = rnd.choice([4, 8, 24, 48, 80])

    def migrate(self):
        gb = self._rnd.uniform(0.05, 1.0) * self._most_gb
        mean = self._a + self._b * gb
        sigma = math.hypot(0.05, self._noise * mean)
        return gb, max(self._rnd.gauss(mean, sigma), 0.0)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_after_five_migrations_the_interval_covers(seed):
    """50 unknown GPUs, 5 migrations each, then 10 more of each."""
    rnd = random.Random(seed)
    inside = below = total = 0
    for _ in range(50):
        gpu = Unknown(rnd)
        past = [seen(*gpu.migrate()) for _ in range(5)]
        for _ in range(10):
            gb, came = gpu.migrate()
            found = spread([use(gb)], past)
            inside += found.p05_s <= came <= found.p95_s
            below += came <= found.p90_s
            total += 1
    assert inside / total >= 0.85
    assert below / total >= 0.85


def test_the_interval_narrows():
    rnd = random.Random(4)
    gpu = Unknown(rnd)
    past = [seen(*gpu.migrate()) for _ in range(200)]
    widths = []
    for count in (0, 5, 20, 200):
        found = spread([use(4)], past[:count])
        widths.append(found.p95_s - found.p05_s)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 20


def test_published_gpu_is_known_before_the_first_migration():
    found = stun([use(8, StunKey("Tesla V100-PCIE-32GB"))], [])
    assert found.p50_ms == pytest.approx(12_000, rel=0.15)


def test_two_vgpus_add_up():
    past = [seen(*row) for row in published.P40]
    one = spread([use(4)], past)
    two = spread([use(4), use(4)], past)
    assert two.p50_s == pytest.approx(2 * one.p50_s, rel=0.02)
    assert two.p90_s - two.p50_s < 2 * (one.p90_s - one.p50_s)


def test_two_kinds_of_vgpu_add_up():
    other = StunKey("another GPU", link_mbps=10_000)
    past = [seen(*row) for row in published.P40]
    past += [seen(gb, 1 + gb, other) for gb in (1, 2, 4, 8, 16)]
    alone = [spread([use(4)], past), spread([use(8, other)], past)]
    both = spread([use(4), use(8, other)], past)
    assert both.p50_s == pytest.approx(sum(s.p50_s for s in alone))
    excess = math.hypot(*(s.p90_s - s.p50_s for s in alone))
    assert both.p90_s - both.p50_s == pytest.approx(excess)


def test_a_server_with_two_vgpus_teaches_as_well():
    past = [seen(2 * gb, 2 * (1 + gb), vgpus=2) for gb in (1, 2, 4, 8, 16)]
    assert spread([use(4)], past).p50_s == pytest.approx(5, rel=0.1)


def test_likeness_counts():
    mine = [seen(gb, 1 + gb) for gb in (2, 4, 8)]
    driver = StunKey(KEY.gpu, KEY.vgpu_type, "580.9", KEY.link_mbps)
    others = [seen(gb, 2 + 2 * gb, driver) for gb in (2, 4, 8)]
    found = spread([use(4)], [*mine, *others])
    assert abs(found.p50_s - 5) < abs(found.p50_s - 10)
    stranger = StunKey("another GPU")
    foreign = [seen(gb, 2 + 2 * gb, stranger) for gb in (2, 4, 8)]
    assert spread([use(4)], [*mine, *foreign]) == spread([use(4)], mine)


def test_a_slow_link_is_slow_from_the_first_migration():
    slow = StunKey("some GPU", link_mbps=1000)
    fast = StunKey("some GPU", link_mbps=100_000)
    assert spread([use(4, slow)], []).p50_s > 5 * spread([use(4)], []).p50_s
    assert spread([use(4, fast)], []).p50_s < spread([use(4)], []).p50_s / 3


WIRE_S = {1000: 640.0, 10_000: 64.0, 25_000: 25.6, 100_000: 6.4}


@pytest.mark.parametrize("link", WIRE_S)
def test_a_guess_lies_between_the_wire_and_what_was_ever_seen(link):
    found = spread([use(80, StunKey("some GPU", link_mbps=link))], [])
    assert found.p05_s >= WIRE_S[link]
    assert found.p50_s < 4 * WIRE_S[link]
    assert found.p90_s <= 10 * WIRE_S[link] + 2


def test_what_is_published_fits_into_a_guess():
    for table in (published.V100, published.V100_WORST, published.P40):
        for gb, stun_s in table:
            found = spread([use(gb)], [])
            assert found.p05_s <= stun_s <= found.p95_s, (gb, stun_s)


@pytest.mark.parametrize("link", [1000, 25_000, 100_000])
def test_a_published_gpu_over_another_link(link):
    key = StunKey("Tesla P40", link_mbps=link)
    found = spread([use(8, key)], [])
    assert found.p50_s == pytest.approx(61.3 * 10_000 / link, rel=0.35)


def test_who_is_seen_to_need_less_than_the_wire_is_believed():
    """A device that sends its state while it runs."""
    fast = StunKey("some GPU", link_mbps=10_000)
    ahead = [seen(gb, 0.3, fast) for gb in (8, 16, 24, 32, 40)]
    found = spread([use(40, fast)], ahead)
    assert found.p05_s < found.p50_s < 32, "below the wire"
    waits = [seen(gb, gb, fast) for gb in (8, 16, 24, 32, 40)]
    assert spread([use(40, fast)], waits).p05_s >= 32


def test_a_link_that_is_not_known_is_like_those_that_are():
    """Before, the link was not noted."""
    here = StunKey("some GPU", link_mbps=100_000)
    unknown = StunKey("some GPU")
    before = [seen(gb, 1 + 0.3 * gb, unknown) for gb in (8, 16, 24, 32, 40)]
    found = spread([use(24, here)], before)
    assert found.p50_s == pytest.approx(8.2, rel=0.15)
    noted = [seen(gb, 1 + 0.3 * gb, here) for gb in (8, 16, 24, 32, 40)]
    found = spread([use(24, unknown)], noted)
    assert found.p50_s == pytest.approx(8.2, rel=0.15)


def test_only_what_was_never_seen_is_a_guess():
    assert stun([use(4)], []).guess
    assert stun([use(4)], []).held_ms is None
    once = stun([use(4)], [seen(4, 3)])
    assert not once.guess and once.held_ms == once.p50_ms
    new = StunKey("another GPU")
    assert stun([use(4), use(4, new)], [seen(4, 3)]).guess


def test_sent_over_a_link():
    uses = [use(4, StunKey("some GPU", link_mbps=1000))]
    (there,) = over(uses, 25_000)
    assert there.key == StunKey("some GPU", link_mbps=25_000)
    assert over(uses, None) == tuple(uses)


def test_no_vgpu_no_stun_and_unknown_is_unknown():
    assert stun([], []) is None
    assert stun([use(4), use(None)], []) is None


def test_it_says_where_the_framebuffer_came_from():
    assert stun([use(4)], []).basis == "nvml"
    both = stun([use(4), use(8, basis="type")], [])
    assert both.basis == "type"
    assert both.framebuffer_bytes == 12 * GB


pasts = st.lists(
    st.builds(seen, st.floats(0, 80), st.floats(0, 500)), max_size=8
)


@given(pasts, st.floats(0, 80))
def test_quantiles_are_in_order(past, gb):
    found = spread([use(gb)], past)
    assert 0 <= found.p05_s <= found.p50_s <= found.p90_s <= found.p95_s
    assert math.isfinite(found.p95_s)
