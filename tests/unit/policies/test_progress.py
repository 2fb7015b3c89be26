"""Samples become passes, a rate and a curve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import (
    CurvePoint,
    DirtyCurve,
    JobState,
    Pass,
    Sample,
)
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction.curve import dirty_bytes
from tests.builders import MIB, sample


def fold(*samples, **start):
    progress = Progress(**start)
    for each in samples:
        progress = progress.advance(each)
    return progress


def test_nothing_yet():
    progress = Progress()
    assert not progress.flowing
    assert progress.elapsed_s == 0
    assert progress.bandwidth_bps() is None
    assert progress.until_pass_end_s() is None
    assert progress.curve().points == ()


def test_set_up_does_not_flow():
    progress = fold(Sample(0.5, JobState.NONE), sample(1.0, iteration=None))
    assert not progress.flowing
    assert progress.elapsed_s == 1.0


def test_the_documented_example():
    """Numbers of the module's docstring, in MB as MiB: B L is 10."""
    progress = fold(
        sample(0.75, 1, 0, 45),
        sample(1.0, 1, 25, 20),
        sample(1.25, 2, 50, 60),
        limit_ms=100,
    )
    (done,) = progress.passes
    assert progress.pass_ended
    assert done.number == 1
    assert done.end_s == pytest.approx(1.1)
    assert done.dirtied_bytes == 65 * MIB


def test_zero_pages_count_as_handled_not_as_sent():
    """A pass over zero pages sends next to nothing."""
    counts = {"page_size_bytes": 4096, "normal_pages": 0}
    progress = fold(
        sample(0, 1, 0, 100, zero_pages=0, **counts),
        sample(1, 1, 1, 50, zero_pages=50 * 256, **counts),
        sample(2, 2, 2, 10, zero_pages=100 * 256, **counts),
    )
    (done,) = progress.passes
    assert done.dirtied_bytes == 10 * MIB
    assert done.end_s == pytest.approx(2.0)


def test_a_pass_that_ended_is_told_once():
    start = fold(sample(0, 1, 0, 50), sample(1, 2, 50, 30))
    assert start.pass_ended
    after = start.advance(sample(1.2, 2, 60, 20))
    assert not after.pass_ended
    assert len(after.passes) == 1


def test_rate_over_the_last_seconds_only():
    progress = fold(
        sample(0, 1, 0, 900),
        sample(10, 1, 100, 800),
        sample(11, 1, 200, 700),
        sample(12, 1, 300, 600),
    )
    assert progress.bandwidth_bps() == pytest.approx(100 * MIB)


def test_rate_falls_back_to_qemus_figure():
    progress = fold(sample(0, 1, 0, 900, memory_bps=5.0))
    assert progress.bandwidth_bps() == 5.0


def test_rate_falls_back_to_the_last_pass():
    progress = fold(
        sample(0, 1, 0, 50), sample(1, 2, 50, 30), sample(9, 2, 50, 30)
    )
    assert progress.bandwidth_bps() == pytest.approx(50 * MIB)


def test_postcopy_has_no_passes():
    progress = fold(sample(0, 1, 0, 50), sample(1, 2, 50, 30), postcopy=True)
    assert progress.passes == ()


def test_the_end_keeps_what_was_learnt():
    progress = fold(
        sample(0, 1, 0, 50),
        sample(1, 2, 50, 30),
        Sample(2, JobState.COMPLETED),
    )
    assert progress.sample.state is JobState.COMPLETED
    assert len(progress.passes) == 1
    assert not progress.pass_ended


@st.composite
def runs(draw):
    """Samples as libvirt could give them, sane or not."""
    number = st.none() | st.integers(0, 2**40)
    t_s, iteration, found = 0.0, 1, []
    for _ in range(draw(st.integers(1, 12))):
        t_s += draw(st.floats(0.05, 5))
        iteration += draw(st.integers(0, 2))
        found.append(
            Sample(
                t_s,
                draw(st.sampled_from(JobState)),
                iteration=draw(st.none() | st.just(iteration)),
                total_bytes=draw(number),
                processed_bytes=draw(number),
                remaining_bytes=draw(number),
                memory_bps=draw(st.none() | st.floats(0, 1e12)),
                normal_pages=draw(number),
                zero_pages=draw(number),
                page_size_bytes=draw(st.none() | st.just(4096)),
            )
        )
    return found


@given(runs(), st.none() | st.integers(10, 2_000_000))
def test_any_samples_make_sound_passes(samples, limit_ms):
    progress = fold(*samples, limit_ms=limit_ms)
    for number, done in enumerate(progress.passes, start=1):
        assert done.number == number
        assert done.end_s >= done.start_s
        assert done.sent_bytes >= 0
        assert done.dirtied_bytes >= 0
    rate = progress.bandwidth_bps()
    assert rate is None or rate > 0
    left_s = progress.until_pass_end_s()
    assert left_s is None or left_s >= 0
    points = progress.curve().points
    assert [p.period_s for p in points] == sorted(p.period_s for p in points)


def test_passes_that_ran_together_are_no_point_of_the_curve():
    progress = fold(
        sample(0, 1, 0, 100), sample(2, 1, 100, 0), sample(6, 4, 300, 300)
    )
    (done,) = progress.passes
    assert done.merged and not progress.pass_ended
    assert progress.curve().points == ()
    assert progress.best_bytes is None


def test_a_long_migration_keeps_few_passes():
    progress = fold(*(sample(n / 10, n + 1, n * 5, 5) for n in range(2000)))
    assert progress.pass_count == 1999
    assert len(progress.passes) <= 16
    assert progress.passes[-1].number == 1999
    assert progress.best_pass == 1


def test_a_new_throttle_is_a_new_curve():
    """100 MiB in 2 s before it, 10 MiB in a second under it."""
    free = [Pass(n, 2.0 * n, 2.0 * n + 2, 0, 100 * MIB) for n in range(3)]
    slow = Pass(3, 6.0, 7.0, 0, 10 * MIB, throttle_percent=99)
    before = DirtyCurve((CurvePoint(1.0, 90.0 * MIB),), 1024.0 * MIB)
    now = sample(7.5, 5)
    fast = Progress(sample=now, passes=tuple(free))
    assert dirty_bytes(fast.curve(before), 1.0) > 40 * MIB
    throttled = Progress(sample=now, passes=(*free, slow))
    assert dirty_bytes(throttled.curve(before), 1.0) == 10 * MIB


def test_a_pass_knows_its_throttle():
    progress = fold(
        sample(0, 1, 0, 50),
        sample(1, 2, 50, 30, throttle_percent=20),
        sample(2, 3, 90, 30, throttle_percent=30),
    )
    assert [each.throttle_percent for each in progress.passes] == [0, 20]


def test_passes_with_little_to_send_do_not_slow_the_link_down():
    """Memory is gone after 2 s at 50 MiB/s; then 0.2 MiB a pass of 1 s."""
    samples = [sample(0, 1, 0, 100), sample(2, 2, 100, 0.2)]
    samples += [sample(2 + n, 2 + n, 100 + n / 5, 0.2) for n in range(1, 9)]
    assert fold(*samples).link_bps() == pytest.approx(50 * MIB)


def test_a_slower_link_is_believed_when_there_is_much_to_send():
    samples = [sample(0, 1, 0, 100), sample(2, 2, 100, 50)]
    samples += [
        sample(2 + 5 * n, 2 + n, 100 + 50 * n, 50) for n in range(1, 9)
    ]
    assert fold(*samples).link_bps() == pytest.approx(10 * MIB)
