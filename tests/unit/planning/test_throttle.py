"""QEMU's auto-converge."""

from nova_livemig_gpu.model import ThrottleSteps
from nova_livemig_gpu.planning.throttle import Throttle


def collect(*steps):
    """(t, sent in all, dirtied); the percents after each."""
    state, seen = Throttle(), []
    for step in steps:
        state = state.collected(*step)
        seen.append(state.percent)
    return seen


def test_the_documented_example():
    high = [(t, 50.0 * t, 200.0) for t in (4, 6, 8, 10)]
    assert collect(*high) == [0, 20, 20, 30]


def test_half_of_what_was_sent_is_not_too_much():
    assert collect(*[(t, 100.0 * t, 50.0 * 2) for t in (2, 4, 6)]) == [0] * 3


def test_collections_within_a_second_count_together():
    steps = [(2, 100, 200), (2.5, 110, 30), (3.5, 130, 0)]
    assert collect(*steps) == [0, 0, 20]


def test_other_steps():
    state = Throttle(steps=ThrottleSteps(50, 20))
    seen = []
    for n in range(1, 10):
        state = state.collected(2.0 * n, 10.0 * n, 500.0)
        seen.append(state.percent)
    assert seen == [0, 50, 50, 70, 70, 90, 90, 99, 99]


def test_it_stops_at_99():
    steps = [(2.0 * n, 10.0 * n, 500.0) for n in range(1, 40)]
    assert collect(*steps)[-1] == 99
