import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.rpc import messages


@given(st.lists(st.binary(min_size=1, max_size=300)))
def test_blobs_survive_the_way(blobs):
    assert messages.decode(messages.encode(blobs)).blobs == tuple(blobs)


def test_nuls_survive():
    blob = b"\0\1\0\0head\0tail\0"
    assert messages.decode(messages.encode([blob])).blobs == (blob,)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "x",
        {},
        {"v": 2, "blobs": []},
        {"v": 1},
        {"v": 1, "blobs": "QUJD"},
        {"v": 1, "blobs": [1]},
        {"v": 1, "blobs": [None]},
        {"v": 1, "blobs": ["not base64!"]},
        {"v": 1, "blobs": [""]},
        {"v": 1, "blobs": ["A" * 4 * messages.MOST_BYTES]},
    ],
)
def test_what_cannot_be_read_is_unknown_and_says_why(answer):
    found = messages.decode(answer)
    assert found.blobs is None
    assert found.why


def test_unknown_says_why():
    found = messages.decode(messages.unknown("no NVML"))
    assert (found.blobs, found.why) == (None, "no NVML")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        {},
        {"v": 1},
        {"v": 2, "resumes": True},
        {"v": 1, "resumes": "true"},
        {"v": 1, "resumes": 1},
        {"v": 1, "resumes": False},
        "x" * 10**6,
    ],
    ids=range(9),
)
def test_only_a_plain_yes_is_a_yes(answer):
    assert messages.decode_resumes(answer) is False


def test_yes_is_yes():
    assert messages.decode_resumes(messages.resumes(True)) is True


def test_what_another_host_says_is_bounded():
    told = messages.decode({"v": 1, "unknown": "x" * 10**7})
    assert len(told.why) < 3000
    told = messages.decode({"v": 1, "blobs": ["QUJD"] * 10**6})
    assert told.blobs is None and "too many" in told.why
