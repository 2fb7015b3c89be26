"""The closed forms against pages that are really drawn."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.planning.guestwrites import (
    Burst,
    Grow,
    Idle,
    Random,
    Sweep,
    Threads,
    Zipf,
)
from tests.builders import MIB

PAGE = 4096
RATE, SET = 40 * MIB, 128 * MIB
ALL = [
    Idle(),
    Sweep(RATE, SET),
    Random(RATE, SET),
    Zipf(RATE, SET),
    Burst(RATE, SET, 5),
    Grow(RATE, SET, 30),
    Threads((Sweep(RATE, SET), Random(RATE, SET))),
]


def test_the_documented_example():
    dirty = Random(RATE, SET).distinct_bytes(0, 4)
    assert dirty / MIB == pytest.approx(91.3, abs=0.05)


@pytest.mark.parametrize("seconds", [0.05, 1, 4, 30])
def test_random_is_what_drawing_gives(seconds):
    dice, pages = random.Random(1), SET // PAGE
    drawn = int(RATE * seconds / PAGE)
    seen = len({dice.randrange(pages) for _ in range(drawn)})
    expected = Random(RATE, SET).distinct_bytes(0, seconds) / PAGE
    assert expected == pytest.approx(seen, rel=0.02)


@pytest.mark.parametrize("seconds", [0.05, 1, 4, 30])
def test_zipf_is_what_drawing_gives(seconds):
    """Drawn as the lab's guest does: the logarithm of the rank evenly."""
    dice, pages = random.Random(1), SET // PAGE
    top = math.log(pages)
    drawn = int(RATE * seconds / PAGE)
    seen = len({int(math.exp(dice.random() * top)) for _ in range(drawn)})
    expected = Zipf(RATE, SET).distinct_bytes(0, seconds) / PAGE
    assert expected == pytest.approx(seen, rel=0.05)


def test_a_burst_rests_as_long_as_it_writes():
    burst = Burst(MIB, SET, 5)
    assert burst.distinct_bytes(0, 5) == 5 * MIB
    assert burst.distinct_bytes(5, 10) == 0
    assert burst.distinct_bytes(3, 12) == 4 * MIB


def test_what_grows_is_not_written_before_it_is_there():
    grow = Grow(1000 * MIB, SET, 10)
    assert grow.distinct_bytes(0, 5) == SET / 2
    assert grow.distinct_bytes(20, 25) == SET


@pytest.mark.parametrize("writer", ALL, ids=lambda w: type(w).__name__)
@given(
    start=st.floats(0, 100),
    first=st.floats(0, 60),
    more=st.floats(0, 60),
    share=st.floats(0, 1),
)
def test_laws_of_every_writer(writer, start, first, more, share):
    some = writer.distinct_bytes(start, start + first, share)
    all_ = writer.distinct_bytes(start, start + first + more, share)
    full = writer.distinct_bytes(start, start + first)
    reach = writer.reach_bytes(start + first)
    assert 0 <= some <= all_ * (1 + 1e-9) + 1e-6, "more time, more pages"
    assert some <= full * (1 + 1e-9) + 1e-6, "less CPU, fewer pages"
    assert some <= reach * (1 + 1e-9) + 1e-6
