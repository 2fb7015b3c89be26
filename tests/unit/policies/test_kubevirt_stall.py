"""KubeVirt's stall detector: its memory pass by pass, and in the loop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import Surroundings
from nova_livemig_gpu.policies import loader
from nova_livemig_gpu.policies.kubevirt_stall import (
    Detector,
    StallPolicy,
    _with_pass,
)
from nova_livemig_gpu.policies.progress import Progress
from tests.builders import MIB, budget, sample
from tests.scripted import run

AROUND = Surroundings(overhead_ms=100)
VFIO = Surroundings(overhead_ms=100, no_postcopy="VFIO", vfio=True)


def after(*passes):
    """The detector after passes (t, R)."""
    kept = Detector()
    for now_s, left in passes:
        kept = _with_pass(kept, now_s, left)
    return kept


def test_a_pass_leaves_the_window_after_40_s():
    kept = after((5, 100), (10, 90), (44, 80))
    assert kept.outside_bytes is None and kept.best_bytes is None
    kept = _with_pass(kept, 45, 70)
    assert kept.outside_bytes == 100
    assert kept.window == ((10, 90), (44, 80), (45, 70))
    assert kept.best_bytes is None, "70 is less than 96"


def test_the_stall_and_its_best():
    kept = after((5, 100), (10, 90), (45, 97))
    assert kept.outside_bytes == 100
    assert kept.best_bytes == 90
    assert (kept.patience_s, kept.deadline_s) == (40, 85)
    assert kept.heap == ()


@pytest.mark.parametrize(("left", "stalled"), [(95, False), (96, True)])
def test_the_margin_of_the_stall(left, stalled):
    kept = after((5, 100), (45, left))
    assert (kept.best_bytes is not None) == stalled


def test_the_best_is_relaxed_at_each_deadline():
    kept = after((5, 100), (45, 100), (50, 130), (60, 120), (84.9, 140))
    assert kept.best_bytes == 100 and kept.heap == (120, 130, 140)
    kept = _with_pass(kept, 85, 150)
    assert kept.best_bytes == 120 and kept.heap == (130, 140, 150)
    assert (kept.patience_s, kept.deadline_s) == (20, 105)
    kept = _with_pass(kept, 106, 110)
    assert kept.best_bytes == 110, "the least of the heap, the newest too"
    assert (kept.patience_s, kept.deadline_s) == (10, 116)


def test_patience_is_a_second_at_least():
    kept = after((5, 100), (45, 100))
    now_s = kept.deadline_s
    for _ in range(10):
        kept = _with_pass(kept, now_s, 200)
        now_s = kept.deadline_s
    assert kept.patience_s == 1


@given(
    st.lists(
        st.tuples(st.floats(0.1, 30), st.integers(1, 1000)),
        min_size=1,
        max_size=40,
    )
)
def test_outside_is_the_least_that_left_the_window(steps):
    """Against the plain definition, over all passes."""
    kept, passes, now_s = Detector(), [], 0.0
    for step_s, left in steps:
        now_s += step_s
        passes.append((now_s, left))
        kept = _with_pass(kept, now_s, left)
        old = [r for t, r in passes if now_s - t >= 40]
        assert kept.outside_bytes == min(old, default=None)


def stalling(left_mib, rate_mib=50, total=512 * MIB):
    """Passes of 5 s that leave the same each."""

    def show(t):
        left = max(left_mib - rate_mib * (t % 5), 1)
        return sample(
            t,
            1 + int(t / 5),
            rate_mib * t,
            left,
            total_bytes=total,
            memory_bps=rate_mib * MIB,
        )

    return show


def follow(name, show, until_s, around=AROUND, refuse=()):
    policy = loader.find(name)(budget(postcopy=True), around)
    return run(policy, show, until_s, refuse=refuse)[0]


def test_the_documented_example():
    events = follow("kubevirt-stall", stalling(128), 200)
    assert [e[1:] for e in events] == [("limit", 300), ("abort", None)]
    assert 45 <= events[1][0] <= 50.5, "passes end at 5 s, ... 45 s, 50 s"
    events = follow("kubevirt-stall-disrupt", stalling(128), 200)
    assert [e[1:] for e in events] == [("limit", 300), ("postcopy", None)]
    assert 45 <= events[1][0] <= 50.5


def test_a_stall_that_nearly_fits_gets_the_whole_limit():
    events = follow("kubevirt-stall", stalling(60), 80)
    assert [e[1:] for e in events] == [("limit", 300), ("limit", 900)]


def test_a_switchover_that_does_not_begin_is_aborted():
    events = follow("kubevirt-stall", stalling(60), 200)
    assert [e[1] for e in events] == ["limit", "limit", "abort"]
    assert 60 <= events[2][0] - events[1][0] <= 61.5


def test_a_vfio_device_means_a_hard_stop():
    events = follow("kubevirt-stall-disrupt", stalling(128), 60, VFIO)
    assert [e[1:] for e in events] == [("limit", 300), ("limit", 2_000_000)]


def test_refused_postcopy_is_followed_by_a_hard_stop():
    events = follow(
        "kubevirt-stall-disrupt", stalling(128), 60, refuse=("postcopy",)
    )
    assert [e[1] for e in events] == ["limit", "postcopy", "limit"]


def one_pass(t):
    """A first pass without an end, far too slow."""
    return sample(t, 1, 1 * t, 500, total_bytes=512 * MIB, memory_bps=20 * MIB)


def test_after_the_timeout_it_ends_one_way_or_the_other():
    (_, event) = follow("kubevirt-stall", one_pass, 1000)
    assert event[1] == "abort" and 151 <= event[0] <= 151.5
    (_, event) = follow("kubevirt-stall-disrupt", one_pass, 160)
    assert event[1] == "postcopy" and 151 <= event[0] <= 151.5


def test_after_the_timeout_what_does_not_fit_is_aborted():
    def show(t):
        return sample(t, 1, t, 500, total_bytes=512 * MIB, memory_bps=MIB)

    (_, event) = follow("kubevirt-stall-disrupt", show, 1000)
    assert event[1] == "abort" and 151 <= event[0] <= 151.5


def test_the_bandwidth_is_a_moving_average():
    policy = StallPolicy(budget(), AROUND)
    kept = Detector()
    for rate in (100, 200, 200):
        look = sample(1, 1, 0, 0, memory_bps=rate)
        kept = policy.look(kept, Progress(sample=look))
    assert kept.bandwidth_bps == pytest.approx(
        0.4 * 200 + 0.6 * (0.4 * 200 + 0.6 * 100)
    )


def test_its_end_of_pass_does_not_touch_the_bandwidth():
    policy = StallPolicy(budget(), AROUND)
    look = sample(1, 2, 0, 10, memory_bps=999)
    kept = policy.look(
        Detector(bandwidth_bps=1.0), Progress(sample=look, pass_count=1)
    )
    assert kept.bandwidth_bps == 1.0 and kept.at_pass_end
