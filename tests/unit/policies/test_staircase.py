"""Nova's own functions are the reference."""

import nova.conf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova.virt.libvirt import migration as libvirt_migrate
from oslo_config import fixture

from nova_livemig_gpu.model import (
    ActionKind,
    Budget,
    Goal,
    JobState,
    OnTimeout,
    Sample,
    Staircase,
    Surroundings,
)
from nova_livemig_gpu.policies import loader
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.policies.staircase import StaircasePolicy, limit_ms
from tests.builders import budget, sample
from tests.scripted import run


def policy(around, **changes):
    settings = {
        "policy": "x",
        "max_downtime_ms": 500,
        "timeout_s": 1600,
        "on_timeout": OnTimeout.ABORT,
        "postcopy": True,
        "auto_converge": True,
        "bandwidth_mbps": None,
        "goal": Goal.FAST,
        **changes,
    }
    return StaircasePolicy(Budget(**settings), around)


def test_the_documented_example():
    stairs = Staircase(500, 10, 75, 2.0)
    limits = [limit_ms(stairs, t) for t in (0, 0.1, 150.1, 1501)]
    assert limits == [None, 50, 95, 500]


@given(
    downtime=st.integers(100, 500000),
    steps=st.integers(3, 30),
    delay=st.integers(3, 100),
    gib=st.floats(2, 64),
    elapsed=st.floats(0, 10000),
)
def test_limits_are_novas(downtime, steps, delay, gib, elapsed):
    with fixture.Config(nova.conf.CONF) as conf:
        conf.config(
            group="libvirt",
            live_migration_downtime=downtime,
            live_migration_downtime_steps=steps,
            live_migration_downtime_delay=delay,
        )
        expected = None
        for after, limit in libvirt_migrate.downtime_steps(gib):
            if elapsed > after:
                expected = limit
    stairs = Staircase(downtime, steps, delay, gib)
    assert limit_ms(stairs, elapsed) == expected


def at(elapsed, **more):
    return Progress(sample=Sample(elapsed, JobState.RUNNING), **more)


def test_each_step_is_set_once():
    around = Surroundings(100, staircase=Staircase(500, 10, 75, 2.0))
    decided = policy(around).decide(at(0.5))
    assert decided.action.kind is ActionKind.SET_DOWNTIME
    assert decided.action.value == 50
    assert policy(around).decide(at(1.0, limit_ms=50)) is None


def test_a_vfio_device_means_no_postcopy_and_auto_converge_instead():
    around = Surroundings(100, no_postcopy="has a VFIO device", vfio=True)
    plan = policy(around).plan()
    assert (plan.postcopy, plan.auto_converge) == (False, True)
    plan = policy(Surroundings(100)).plan()
    assert (plan.postcopy, plan.auto_converge) == (True, False)


@pytest.mark.parametrize(
    ("wish", "kind"),
    [
        (OnTimeout.ABORT, ActionKind.ABORT),
        (OnTimeout.FORCE_COMPLETE, ActionKind.FORCE_COMPLETE),
    ],
)
def test_the_deadline_comes_first(wish, kind):
    around = Surroundings(100, staircase=Staircase(500, 10, 75, 2.0))
    decided = policy(around, on_timeout=wish).decide(at(1601))
    assert decided.action.kind is kind


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # d = int(75 * 2) = 150 s; 500/10 + i * 45 ms
        (
            "nova-staircase",
            [(0.5, 50), *((i * 150 + 0.5, 50 + i * 45) for i in range(1, 6))],
        ),
        # d = int(3 * 2) = 6 s
        (
            "nova-vgpu-guide",
            [(0.5, 166666), (6.5, 277777), (12.5, 388888), (18.5, 500000)],
        ),
    ],
)
def test_each_step_in_the_loop(name, expected):
    """Nova's monitor compares with "greater than", so that each step comes
    with the look after its time."""
    around = Surroundings(100, staircase=Staircase(500, 10, 75, 2.0))
    steers = loader.find(name)(
        budget(timeout_s=1600, on_timeout=OnTimeout.ABORT), around
    )
    events, _ = run(steers, lambda t: sample(t, 1, t, 100), 751)
    assert [(t, value) for t, _, value in events] == expected


def test_the_guide_without_a_size_leaves_qemus_limit():
    steers = loader.find("nova-vgpu-guide")(budget(), Surroundings(100))
    assert run(steers, lambda t: sample(t, 1, t, 100), 10)[0] == []
