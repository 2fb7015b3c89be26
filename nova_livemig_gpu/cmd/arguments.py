"""Arguments of the commands: checked as they are read.

argparse names the option before the reason and exits with status 2.
"""

import argparse
import math
from collections.abc import Callable

_MOST = 1e18


def above(unit: str) -> Callable[[str], float]:
    """Return a reader of finite numbers above 0."""

    def read(text: str) -> float:
        value = _number(text, unit)
        if value <= 0:
            raise argparse.ArgumentTypeError(
                f"{text} is not above 0 (in {unit})"
            )
        return value

    return read


def least(unit: str) -> Callable[[str], float]:
    """Return a reader of finite numbers, 0 or more."""

    def read(text: str) -> float:
        value = _number(text, unit)
        if value < 0:
            raise argparse.ArgumentTypeError(f"{text} is below 0 (in {unit})")
        return value

    return read


def several(read: Callable[[str], float]) -> Callable[[str], list[float]]:
    """Return a reader of a comma-separated list."""

    def read_list(text: str) -> list[float]:
        return [read(each) for each in text.split(",")]

    return read_list


def count(text: str) -> int:
    """Read a whole number above 0."""
    value = above("a whole number")(text)
    if not value.is_integer():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number")
    return int(value)


def _number(text: str, unit: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number (in {unit})"
        ) from exc
    if not math.isfinite(value) or abs(value) > _MOST:
        raise argparse.ArgumentTypeError(
            f"{text} is not finite, or too large (in {unit})"
        )
    return value
