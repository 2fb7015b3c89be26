"""The curve file: what it gives, and every way to be wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.exception import InvalidCurve
from nova_livemig_gpu.model import CurvePoint
from nova_livemig_gpu.prediction import curve, curve_file

RIGHT = {
    "page_size": 4096,
    "sampled_pages": 100,
    "zero_pages": 25,
    "total_pages": 1000,
    "period_ms": [125, 1000, 60000],
    "dirty_pages": [2, 10, 60],
}


def parse(**changes):
    body = {**RIGHT, **changes}
    return curve_file.parse(
        json.dumps({k: v for k, v in body.items() if v is not ...})
    )


def test_counts_are_scaled():
    found = parse()
    assert found.memory.normal_pages == 750
    assert found.memory.zero_pages == 250
    assert found.curve.ceiling_bytes == 750 * 4096
    assert found.curve.points[1] == CurvePoint(1.0, 100 * 4096.0)


def test_interpolation_of_facts():
    known = parse(period_ms=[1000, 2000, 3000], dirty_pages=[10, 16, 70]).curve

    def pages(at_s):
        return curve.dirty_bytes(known, at_s) / 4096

    assert pages(1.5) == pytest.approx(130)  # between: linear
    assert pages(0.5) == pytest.approx(70)  # below: the first two
    assert pages(0.0001) == pytest.approx(40, abs=0.1)
    assert pages(3.05) == pytest.approx(727)  # above: the last two
    assert pages(60) == 750  # up to all that is not zero


def test_a_point_above_the_ceiling_keeps_its_line():
    """90 of 100 samples dirty, 25 zero: the line goes on to 90, only what
    is above 75 is cut off."""
    known = parse(period_ms=[1000, 2000], dirty_pages=[10, 90]).curve
    assert curve.dirty_bytes(known, 1.5) == pytest.approx(500 * 4096)
    assert curve.dirty_bytes(known, 1.9) == 750 * 4096


def test_below_the_first_never_under_zero():
    known = parse(period_ms=[1000, 2000], dirty_pages=[10, 40]).curve
    assert curve.dirty_bytes(known, 0.1) == 0


def test_a_guest_of_zeros_dirties_nothing():
    found = parse(zero_pages=100)
    assert found.memory.normal_pages == 0
    assert curve.dirty_bytes(found.curve, 10) == 0


def test_one_point_and_other_keys_are_fine():
    found = parse(period_ms=[1000], dirty_pages=[10], colour="red")
    assert len(found.curve.points) == 1


def test_observed_for_a_merge():
    first = parse().observed(7.0)[0]
    assert (first.source, first.age_s) == ("file", 7.0)
    # 2 of 100 samples of 1000 pages
    assert first.variance_bytes2 == pytest.approx(
        (1000 * 4096) ** 2 * 0.02 * 0.98 / 100
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *(({name: ...}, name) for name in RIGHT),
        *(({name: None}, name) for name in RIGHT),
        *(({name: "7"}, name) for name in RIGHT),
        *(({name: {}}, name) for name in RIGHT),
        ({"page_size": 0}, "page_size"),
        ({"page_size": -4096}, "page_size"),
        ({"page_size": 4096.5}, "page_size"),
        ({"page_size": True}, "page_size"),
        ({"page_size": 2**40}, "page_size"),
        ({"page_size": float("nan")}, "page_size"),
        ({"total_pages": 0}, "total_pages"),
        ({"total_pages": 10**400}, "total_pages"),
        ({"total_pages": 2**62}, "total_pages"),
        ({"sampled_pages": 0}, "sampled_pages"),
        ({"sampled_pages": 1001}, "sampled_pages"),
        ({"zero_pages": -1}, "zero_pages"),
        ({"zero_pages": 101}, "zero_pages"),
        ({"period_ms": []}, "period_ms"),
        ({"period_ms": [1, 2]}, "dirty_pages"),
        ({"period_ms": [0, 1, 2]}, r"period_ms\[0\]"),
        ({"period_ms": [-1, 1, 2]}, r"period_ms\[0\]"),
        ({"period_ms": [1, 1, 2]}, r"period_ms\[1\]"),
        ({"period_ms": [1, 3, 2]}, r"period_ms\[2\]"),
        ({"period_ms": [1, 2, float("inf")]}, r"period_ms\[2\]"),
        ({"period_ms": [1, 2, 1e300]}, r"period_ms\[2\]"),
        ({"period_ms": [1, None, 2]}, r"period_ms\[1\]"),
        ({"dirty_pages": [1, 2, float("nan")]}, r"dirty_pages\[2\]"),
        ({"dirty_pages": [-1, 2, 3]}, r"dirty_pages\[0\]"),
        ({"dirty_pages": [3, 2, 4]}, r"dirty_pages\[1\]"),
        ({"dirty_pages": [1, 2, 101]}, r"dirty_pages\[2\]"),
        ({"dirty_pages": [1, [2], 3]}, r"dirty_pages\[1\]"),
        ({"dirty_pages": [1, 2, 3, 4]}, "dirty_pages"),
    ],
)
def test_what_is_wrong_is_named(changes, field):
    with pytest.raises(InvalidCurve, match=field):
        parse(**changes)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "null", b"\xff\xfe", "[" * 100_000, "9" * 10_000],
    ids=lambda text: repr(text[:5]),
)
def test_no_json_object(text):
    with pytest.raises(InvalidCurve, match="the file"):
        curve_file.parse(text)


def test_too_large():
    with pytest.raises(InvalidCurve, match="larger"):
        curve_file.parse(" " * (2**24 + 1))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(RIGHT)), JSON))
def test_anything_else_is_refused_or_right(changes):
    try:
        found = curve_file.from_dict({**RIGHT, **changes})
    except InvalidCurve as exc:
        assert str(exc)
    else:
        value = curve.dirty_bytes(found.curve, 1.0)
        assert 0 <= value <= found.memory.normal_bytes
