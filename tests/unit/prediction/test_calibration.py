"""Errors make the next prediction better."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import Prediction
from nova_livemig_gpu.prediction.calibration import (
    Correction,
    Error,
    correct,
    learn,
)

GIVEN = Prediction(True, 20.0, 200.0, 4, 1e9, 1e7, "fits")
NEVER = Prediction(False, None, None, 4, 1e9, 1e7, "passes do not shrink")


def error(ratio, gap_ms=0.0):
    return Error(10.0, 10.0 * ratio, 100.0, 100.0 + gap_ms)


def test_nothing_known_changes_nothing():
    assert learn([]) == Correction()
    assert correct(GIVEN, learn([])) == GIVEN


def test_the_documented_example():
    found = learn([error(r) for r in (1.10, 1.12, 1.08, 1.11, 1.09, 2.0)])
    assert found.factor == pytest.approx(1.07, abs=0.005)
    assert correct(GIVEN, found).total_s == pytest.approx(21.4, abs=0.1)


def test_one_error_changes_little():
    assert learn([error(1.4)]).factor == pytest.approx(1.4**0.25)


def test_downtime_moves_by_what_was_missing():
    found = correct(GIVEN, learn([error(1.0, 60.0)] * 27))
    assert found.downtime_ms == pytest.approx(254)
    assert found.offset_ms == pytest.approx(54)


def test_downtime_never_below_0():
    found = correct(GIVEN, learn([error(1.0, -5000.0)] * 20))
    assert found.downtime_ms == 0
    assert found.offset_ms == -200


def test_the_factor_is_bounded():
    assert learn([error(1000)] * 50).factor == pytest.approx(2.0)
    assert learn([error(0.001)] * 50).factor == pytest.approx(0.5)


def test_what_never_ends_is_left_alone():
    assert correct(NEVER, learn([error(1.5)] * 9)) == NEVER


def test_figures_that_mean_nothing_are_left_out():
    odd = [Error(0.0, 5.0), Error(5.0, 0.0), Error(10.0, 11.0)]
    assert learn(odd).count == 1
    assert learn(odd).offset_ms == 0


def test_p90_covers_nine_of_ten():
    rnd = random.Random(5)

    def ratio():
        return math.exp(rnd.gauss(0.1, 0.2))

    covered = total = 0
    for _ in range(200):
        by = learn([error(ratio(), rnd.gauss(40, 20)) for _ in range(20)])
        found = correct(GIVEN, by)
        for _ in range(10):
            covered += 20.0 * ratio() <= found.total_p90_s
            total += 1
    assert 0.87 <= covered / total <= 0.97


def test_known_p90_is_the_least():
    wide = Prediction(True, 20.0, 200.0, 4, 1e9, 1e7, "fits", total_p90_s=99.0)
    assert correct(wide, learn([error(1.0)] * 9)).total_p90_s == 99.0


def test_the_next_prediction_is_better():
    """A model that is 30% and 80 ms short, with 3% of noise: after 30
    migrations its error is down to the noise."""
    rnd = random.Random(6)
    errors, misses = [], []
    for _ in range(60):
        model = Prediction(True, rnd.uniform(5, 50), 200.0, 4, 1, 1, "fits")
        actual = model.total_s * 1.3 * math.exp(rnd.gauss(0, 0.03))
        told = correct(model, learn(errors[-50:]))
        misses.append(abs(told.total_s / actual - 1))
        # what is learnt from is the model's own, not what was told
        raw_s = told.total_s / told.factor
        assert raw_s == pytest.approx(model.total_s)
        errors.append(Error(raw_s, actual, 200.0, 280.0))
    assert misses[0] > 0.2
    assert sum(misses[30:]) / 30 < 0.05


@given(st.lists(st.builds(error, st.floats(0.1, 10), st.floats(-500, 500))))
def test_p90_is_never_below_the_middle(errors):
    found = correct(GIVEN, learn(errors))
    assert found.total_s > 0 and found.downtime_ms >= 0
    for middle, p90 in (
        (found.total_s, found.total_p90_s),
        (found.downtime_ms, found.downtime_p90_ms),
    ):
        assert p90 is None or p90 >= middle * (1 - 1e-9)
