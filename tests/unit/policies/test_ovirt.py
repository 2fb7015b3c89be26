"""oVirt's schedules, step by step, in the real loop."""

import pytest

from nova_livemig_gpu.model import Surroundings
from nova_livemig_gpu.policies import loader
from tests.builders import budget, sample
from tests.scripted import run

AROUND = Surroundings(overhead_ms=100)
#: A pass every 10 s would do; one every 8 s moves against the looks.
PASS_S = 8


def show(t):
    """Setting up for 3 s, then a pass every 8 s that ends at 11, 19, ..."""
    if t < 3:
        return sample(t, None, 0, None, total_bytes=None)
    return sample(t, 1 + int((t - 3) / PASS_S), t, 100)


def follow(name, until_s=400, refuse=(), picture=show, **allowed):
    allowed = {"postcopy": True, "auto_converge": True, **allowed}
    policy = loader.find(name)(budget(**allowed), AROUND)
    return run(policy, picture, until_s, refuse=refuse)[0]


# Looks at 0, 10, 20, ...; the first pass is seen at 10 s. i at each look:
# 10: 0, 20: 2, 30: 3, 40: 4, 50: 5, 60: 7, 70: 8
MINIMAL = [
    (0.0, "limit", 100),
    (20.0, "limit", 150),
    (30.0, "limit", 200),
    (40.0, "limit", 300),
    (50.0, "limit", 400),
    (60.0, "limit", 500),
]


def test_minimal_downtime():
    assert follow("ovirt-minimal-downtime") == [
        *MINIMAL,
        (70.0, "abort", None),
    ]


def test_suspend():
    assert follow("ovirt-suspend") == [
        *MINIMAL,
        (70.0, "limit", 5000),
        (80.0, "abort", None),
    ]


def test_post_copy():
    assert follow("ovirt-post-copy") == [
        *MINIMAL[:3],
        (40.0, "postcopy", None),
    ]


def test_very_large():
    assert follow("ovirt-very-large") == [
        (0.0, "limit", 300),
        (20.0, "limit", 400),
        (30.0, "limit", 500),
        (40.0, "limit", 700),
        (50.0, "limit", 1000),
        (60.0, "limit", 1500),
        (70.0, "limit", 5000),
        (80.0, "abort", None),
    ]


def test_the_documented_example():
    def picture(t):
        number = 1 if t < 10 else 3 if t < 20 else 9 if t < 30 else 12
        return sample(t, number, t, 100)

    events = follow("ovirt-minimal-downtime", 35, picture=picture)
    assert events == [
        (0.0, "limit", 100),
        (10.0, "limit", 150),
        (20.0, "limit", 200),
        (30.0, "limit", 300),
    ]


def test_without_a_rise_nothing_is_done():
    events = follow(
        "ovirt-minimal-downtime", picture=lambda t: sample(t, 1, t, 100)
    )
    assert events == [(0.0, "limit", 100)]


def test_a_server_without_postcopy_goes_on_to_the_abort():
    assert follow("ovirt-post-copy", postcopy=False) == [
        *MINIMAL[:3],
        (40.0, "abort", None),
    ]


def test_refused_postcopy_is_not_asked_for_again():
    assert follow("ovirt-post-copy", refuse=("postcopy",)) == [
        *MINIMAL[:3],
        (40.0, "postcopy", None),
        (50.0, "abort", None),
    ]


@pytest.mark.parametrize(
    ("name", "postcopy"),
    [
        ("ovirt-minimal-downtime", False),
        ("ovirt-suspend", False),
        ("ovirt-post-copy", True),
        ("ovirt-very-large", False),
    ],
)
def test_what_is_fixed_at_the_start(name, postcopy):
    policy = loader.find(name)
    plan = policy(budget(postcopy=True, auto_converge=True), AROUND).plan()
    assert (plan.postcopy, plan.auto_converge) == (postcopy, True)
    plan = policy(budget(), AROUND).plan()
    assert (plan.postcopy, plan.auto_converge) == (False, False)
