"""Whatever others say stays small."""

import json
from typing import Any

import pytest

from nova_livemig_gpu import foreign


def test_what_is_short_stays_as_it_is() -> None:
    note = {"return": 1, "texts": ["a", None, 1.5, True]}
    assert foreign.plain(note) == note
    assert foreign.cut("short") == "short"


def test_a_cut_text_shows_its_ends_and_says_so() -> None:
    text = foreign.cut("begin" + "x" * 10**7 + "end")
    assert len(text) == foreign.MOST_TEXT
    assert text.startswith("begin") and text.endswith("end")
    assert "of 10000008 characters" in text


@pytest.mark.parametrize("most", [0, 1, 2, 20, 40, 99])
def test_no_cut_is_longer_than_asked(most: int) -> None:
    assert len(foreign.cut("x" * 100, most)) == most


def deep() -> Any:
    value: Any = "x"
    for _ in range(10_000):
        value = {"return": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**7,
        b"x" * 10**7,
        {"return": {"out-data": "QUJD" * 10**6}},
        ["x" * 100] * 10**5,
        {f"key {n}": n for n in range(10**5)},
        {"k" * 10**6: "v" * 10**6},
        [[[["x" * 1000] * 50] * 50] * 50],
        10**5000,
        deep(),
        {1, 2, 3},
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_becomes_small_json(value: Any) -> None:
    for each in (value, {"note": value}):
        assert len(json.dumps(foreign.plain(each))) < 3 * foreign.MOST_TEXT
