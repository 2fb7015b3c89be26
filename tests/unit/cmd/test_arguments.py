import argparse

import pytest

from nova_livemig_gpu.cmd import arguments


@pytest.mark.parametrize("text", ["1", "1e9", "0.5", " 7 "])
def test_above_0(text):
    assert arguments.above("s")(text) == float(text)


@pytest.mark.parametrize(
    "text", ["0", "-1", "nan", "inf", "-inf", "1e300", "x", "", "0x10"]
)
def test_not_above_0(text):
    with pytest.raises(argparse.ArgumentTypeError, match="in s"):
        arguments.above("s")(text)


def test_0_where_it_may_be():
    assert arguments.least("s")("0") == 0
    with pytest.raises(argparse.ArgumentTypeError, match="below 0"):
        arguments.least("s")("-0.1")


def test_lists():
    read = arguments.several(arguments.least("GB"))
    assert read("1,2.5") == [1, 2.5]
    for text in ("1,", "", "1,,2", "1,nan"):
        with pytest.raises(argparse.ArgumentTypeError):
            read(text)


def test_whole_numbers():
    assert arguments.count("10000") == 10000
    with pytest.raises(argparse.ArgumentTypeError, match="whole"):
        arguments.count("1.5")
