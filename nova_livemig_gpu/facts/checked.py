"""Values of JSON, of the type they must have or not at all."""

from typing import Any

from nova_livemig_gpu.facts.envelope import Malformed

_LARGEST = 2**63 - 1


def text(value: Any) -> str:
    """:raises Malformed: it is no string"""
    if type(value) is not str:
        raise Malformed("a string is missing")
    return value


def text_or_none(value: Any) -> str | None:
    """:raises Malformed: it is something else"""
    return None if value is None else text(value)


def number(value: Any) -> int:
    """:raises Malformed: it is no whole number from 0 to 2**63 - 1"""
    # bool is an int in Python, and no number here.
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise Malformed("a number is missing")
    return value


def number_or_none(value: Any) -> int | None:
    """:raises Malformed: it is something else"""
    return None if value is None else number(value)


def truth_or_none(value: Any) -> bool | None:
    """:raises Malformed: it is something else"""
    if value is not None and type(value) is not bool:
        raise Malformed("true or false is missing")
    return value


def row(value: Any, length: int) -> list[Any]:
    """:raises Malformed: it is no list of this length"""
    if type(value) is not list or len(value) != length:
        raise Malformed(f"a list of {length} is missing")
    return value


def rows(value: Any) -> list[Any]:
    """:raises Malformed: it is no list"""
    if type(value) is not list:
        raise Malformed("a list is missing")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """:raises Malformed: it is no list of strings"""
    return tuple(text(each) for each in rows(value))
