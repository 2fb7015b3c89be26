"""KubeVirt's default monitor, in the real loop."""

import pytest

from nova_livemig_gpu.model import Surroundings
from nova_livemig_gpu.policies import loader
from nova_livemig_gpu.policies.kubevirt import completion_timeout_s
from nova_livemig_gpu.policies.progress import Progress
from tests.builders import GIB, budget, sample
from tests.scripted import run

AROUND = Surroundings(overhead_ms=100)
VFIO = Surroundings(overhead_ms=100, no_postcopy="VFIO", vfio=True)


def swinging(t, total=512 * 2**20):
    """Passes of 5 s that leave 128 MiB each: what is left goes up and
    down."""
    number = 1 + int(t / 5)
    return sample(t, number, 30 * t, 128 - 20 * (t % 5), total_bytes=total)


def stuck(t):
    """Nothing moves from 20 s on."""
    return sample(t, 1, 30 * min(t, 20), 500 - min(t, 20))


def follow(name, show, until_s, around=AROUND, postcopy=True, refuse=()):
    policy = loader.find(name)(budget(postcopy=postcopy), around)
    return run(policy, show, until_s, refuse=refuse)[0]


def test_default_gives_up_at_the_timeout():
    (event,) = follow("kubevirt", swinging, 1000)
    assert event[1:] == ("abort", None)
    assert 151 <= event[0] <= 151.5


def test_default_gives_up_without_progress():
    (event,) = follow("kubevirt", stuck, 1000)
    assert event[1:] == ("abort", None)
    assert 20 + 151 <= event[0] <= 20 + 152


def test_more_left_in_each_look_is_no_progress():
    (event,) = follow("kubevirt", lambda t: sample(t, 1, t, 100 + t), 1000)
    assert 151 <= event[0] <= 151.5


def test_disruption_switches_to_postcopy():
    (event,) = follow("kubevirt-disrupt", swinging, 200)
    assert event[1:] == ("postcopy", None)
    assert 151 <= event[0] <= 151.5


@pytest.mark.parametrize(
    ("around", "postcopy", "first"),
    [
        (AROUND, False, ("pause", None)),
        (VFIO, True, ("limit", 300_000)),
    ],
)
def test_disruption_without_postcopy_stops_the_server(around, postcopy, first):
    events = follow("kubevirt-disrupt", swinging, 1000, around, postcopy)
    assert [event[1:] for event in events] == [first, ("abort", None)]
    assert 151 <= events[0][0] <= 151.5
    assert 301 <= events[1][0] <= 301.5, "T counts twice once it is stopped"


def test_refused_postcopy_is_followed_by_a_pause():
    events = follow("kubevirt-disrupt", swinging, 160, refuse=("postcopy",))
    assert [event[1] for event in events] == ["postcopy", "pause"]


@pytest.mark.parametrize(
    ("memory", "disk", "timeout"),
    [
        (512 * 2**20, None, 150),
        (10**9, 0, 150),
        (GIB, None, 300),
        (4 * GIB, 10 * 10**9, 15 * 150),
    ],
)
def test_the_timeout_counts_begun_gigabytes(memory, disk, timeout):
    look = sample(1, 1, 0, 0, total_bytes=memory, disk_total_bytes=disk)
    assert completion_timeout_s(Progress(sample=look)) == timeout


def test_without_a_size_there_is_no_timeout():
    look = sample(1, None, 0, None, total_bytes=None)
    assert completion_timeout_s(Progress(sample=look)) is None


def test_nothing_is_fixed_at_the_start_but_postcopy():
    plan = loader.find("kubevirt")(
        budget(postcopy=True, auto_converge=True), AROUND
    ).plan()
    assert not (plan.postcopy or plan.auto_converge)
    assert plan.max_downtime_ms is None
    plan = loader.find("kubevirt-disrupt")(
        budget(postcopy=True), AROUND
    ).plan()
    assert plan.postcopy
