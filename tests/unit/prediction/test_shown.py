"""What a migration that has ended shows of the next one."""

import pytest

from nova_livemig_gpu.model import Pass
from nova_livemig_gpu.prediction import shown

MB = 10**6


def one(number, start_s, end_s, sent, dirtied, unsent=0, merged=False):
    return Pass(
        number,
        start_s,
        end_s,
        int(sent * MB),
        int(dirtied * MB),
        merged,
        int(unsent * MB),
    )


def test_the_documented_example():
    first = one(1, 0, 4, 200, 24)
    second = one(2, 4, 4.36, 15, 15, unsent=9)
    _, found = shown.points([first, second], 256 * MB, 10)
    assert found.period_s == pytest.approx(0.36)
    assert found.dirty_bytes == pytest.approx(23.5 * MB, rel=0.02)
    assert found.age_s == pytest.approx(5.64)
    assert found.source == "passes"
    sigma = found.variance_bytes2**0.5
    assert sigma == pytest.approx((1.5**2 + 2.35**2) ** 0.5 * MB, rel=0.02)


def test_a_guest_that_never_comes_back_to_a_page():
    """What is unsent is not dirtied again, so that all of it is new."""
    first = one(1, 0, 4, 200, 40)
    second = one(2, 4, 4.6, 30, 6, unsent=10)
    third = one(3, 4.6, 4.7, 5, 1, unsent=10)
    _, two, three = shown.points([first, second, third], 256 * MB, 5)
    assert two.dirty_bytes == pytest.approx(6 * MB, rel=0.01)
    assert three.dirty_bytes == pytest.approx(1 * MB, rel=0.01)


def test_the_first_pass_is_exact_but_for_what_was_unsent():
    (found,) = shown.points([one(1, 1, 5, 200, 60, unsent=64)], 256 * MB, 5)
    assert found.dirty_bytes == pytest.approx(80 * MB)


def test_several_passes_in_one_say_nothing():
    passes = [one(1, 0, 4, 200, 60), one(2, 4, 6, 100, 30, merged=True)]
    assert len(shown.points(passes, 256 * MB, 6)) == 1


def test_earlier_passes_are_gone():
    """Of a long migration only the newest are kept: what waited before the
    first of them is unknown."""
    (found,) = shown.points([one(40, 0, 1, 20, 10, unsent=5)], 256 * MB, 1)
    assert found.dirty_bytes == 10 * MB


def test_bandwidth():
    passes = [one(1, 0, 4, 200, 60), one(2, 4, 5, 50, 30)]
    assert shown.bandwidth_bps(passes) == 50 * MB
    assert shown.bandwidth_bps([]) is None
    merged = one(3, 5, 6, 400, 0, merged=True)
    assert shown.bandwidth_bps([*passes, merged]) == 50 * MB
    assert shown.bandwidth_bps([merged]) == 400 * MB
