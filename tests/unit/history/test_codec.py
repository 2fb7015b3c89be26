"""Entries as JSON and back; what is none is named."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.history import codec
from nova_livemig_gpu.history.codec import InvalidEntry
from nova_livemig_gpu.history.entry import Entry
from nova_livemig_gpu.model import JobState, Stun
from tests import builders_history as builders


def changed(**changes):
    body = json.loads(codec.encode(builders.typical(3)))
    body.update(changes)
    return json.dumps({k: v for k, v in body.items() if v is not ...})


@pytest.mark.parametrize("number", range(5))
def test_there_and_back(number):
    text = codec.encode(builders.typical(number))
    assert codec.encode(codec.decode(text)) == text
    assert "\n" not in text


def test_what_is_the_default_is_left_out():
    text = codec.encode(builders.entry(prediction=None))
    assert "prediction" not in text and "vfio" not in text
    assert codec.decode(text) == builders.entry(prediction=None)


def test_stun_of_the_prediction_comes_back():
    told = builders.prediction(stun=Stun(1.0, 2.0, 7, "nvml"))
    entry = builders.entry(prediction=told)
    assert codec.decode(codec.encode(entry)).prediction.stun == told.stun


def test_no_number_is_infinite():
    entry = builders.entry(bandwidth_bps=math.inf, overhead_ms=math.nan)
    found = codec.decode(codec.encode(entry))
    assert found.bandwidth_bps is None and found.overhead_ms is None


def test_long_texts_and_curves_are_cut():
    entry = builders.entry(
        curve=builders.typical(1).curve * 9, source="x" * 9999
    )
    found = codec.decode(codec.encode(entry))
    assert len(found.curve) == 32
    assert len(found.source) == 255


def test_keys_of_a_later_version_are_ignored():
    assert codec.decode(changed(colour="red")).outcome.state is (
        JobState.COMPLETED
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"format": 2}, "format"),
        ({"format": ...}, "format"),
        ({"migration": ...}, "migration"),
        ({"migration": ""}, "migration"),
        ({"server": 7}, "server"),
        ({"source": "x" * 300}, "source"),
        ({"ended_at": "yesterday"}, "ended_at"),
        ({"ended_at": float("nan")}, "ended_at"),
        ({"ended_at": True}, "ended_at"),
        ({"outcome": {"state": "lost"}}, "state"),
        ({"outcome": {}}, "state"),
        ({"outcome": []}, "outcome"),
        ({"bandwidth_bps": 10**30}, "bandwidth_bps"),
        ({"bandwidth_bps": float("inf")}, "bandwidth_bps"),
        ({"curve": [{"period_s": 1}]}, "dirty_bytes"),
        ({"curve": {}}, "curve"),
        ({"curve": [None] * 999}, "curve"),
        ({"versions": [["qemu"]]}, "versions"),
        ({"vfio": 1}, "vfio"),
        ({"settings": {"channels": 2.5}}, "channels"),
    ],
)
def test_what_is_wrong_is_named(changes, field):
    with pytest.raises(InvalidEntry, match=field):
        codec.decode(changed(**changes))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", b"\xff", "[" * 99999])
def test_no_entry_at_all(text):
    with pytest.raises(InvalidEntry):
        codec.decode(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(sorted(Entry.__dataclass_fields__))


@given(st.dictionaries(NAMES, JSON, max_size=3))
def test_anything_is_refused_or_an_entry(changes):
    try:
        found = codec.decode(changed(**changes))
    except InvalidEntry:
        return
    assert isinstance(found, Entry)
