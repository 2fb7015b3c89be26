"""Who knows the GPUs best."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from nova_livemig_gpu.exception import PluginNotMine
from nova_livemig_gpu.gpu import loader
from nova_livemig_gpu.gpu.bounded import BoundedBackend
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.gpu.nvml import NvmlBackend
from nova_livemig_gpu.gpu.sysfs import SysfsBackend


class Scored(NullBackend):
    def __init__(self, score: Any) -> None:
        self._score = score

    def score(self) -> int:
        if isinstance(self._score, Exception):
            raise self._score
        number: int = self._score
        return number


def test_the_highest_score_wins() -> None:
    low, high = Scored(1), Scored(9)
    assert loader.best([("low", low), ("high", high)]) is high


def test_of_equals_the_first() -> None:
    one, other = Scored(9), Scored(9)
    assert loader.best([("one", one), ("other", other)]) is one


@pytest.mark.parametrize(
    "error", [PluginNotMine(plugin="x", reason="y"), ZeroDivisionError()]
)
def test_who_cannot_score_is_left_out(error: Exception) -> None:
    good = Scored(1)
    assert loader.best([("bad", Scored(error)), ("good", good)]) is good


def test_without_any_it_is_a_host_without_gpus() -> None:
    assert loader.best([]).devices() == ()


def test_load_bounds_what_it_finds() -> None:
    assert isinstance(loader.load(5.0), BoundedBackend | NullBackend)


def test_the_entry_points_can_be_loaded() -> None:
    for name, value, kind in (
        ("nvml", "nova_livemig_gpu.gpu.nvml:NvmlBackend", NvmlBackend),
        ("sysfs", "nova_livemig_gpu.gpu.sysfs:SysfsBackend", SysfsBackend),
        ("null", "nova_livemig_gpu.gpu.null:NullBackend", NullBackend),
    ):
        assert EntryPoint(name, value, loader.NAMESPACE).load() is kind
