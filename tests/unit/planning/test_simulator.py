"""Simulated migrations: what must hold whatever the policy."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_livemig_gpu.migration.loop import JobRefused
from nova_livemig_gpu.model import JobState, StartPlan
from nova_livemig_gpu.planning.foreknown import foreseen
from nova_livemig_gpu.planning.guestwrites import Idle, Random, Sweep, Zipf
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.qemu import SimulatedClock, SimulatedQemu
from nova_livemig_gpu.planning.simulator import Scenario, simulate
from nova_livemig_gpu.policies import loader
from tests.builders import MIB, budget

STEERED = [name for name in loader.names() if loader.find(name).steers]
#: Xen begins at 50 Mbit/s.
AT_FULL_RATE = [name for name in STEERED if name != "xen-2005"]


def scenario(writer=None, hosts=None, guest=None, **settings_):
    allowed = {"postcopy": True, "auto_converge": True, "timeout_s": 600}
    return Scenario(
        guest=Guest(
            **{
                "total_bytes": 512 * MIB,
                "nonzero_bytes": 232 * MIB,
                "writer": writer or Sweep(40 * MIB, 128 * MIB),
                **(guest or {}),
            }
        ),
        hosts=Hosts(**{"link_mbps": 400, **(hosts or {})}),
        budget=budget(**{**allowed, **settings_}),
    )


def run(name, *args, **kwargs):
    return simulate(loader.find(name), scenario(*args, **kwargs))


def test_the_documented_example():
    ours = run("adaptive")
    assert ours.codes == ("first_limit", "postcopy_is_faster")
    assert ours.seen.postcopy and ours.seen.passes == 2
    heavy = Sweep(100 * MIB, 128 * MIB)
    theirs = run("kubevirt", heavy)
    assert theirs.seen.state is JobState.CANCELLED
    assert 150 < theirs.seen.total_s < 152


@pytest.mark.parametrize("name", AT_FULL_RATE)
def test_a_quiet_guest_takes_what_the_link_needs(name):
    seen = run(name, Idle()).seen
    needs_s = 232 * MIB * 4104 / 4096 / (400e6 / 8 * 0.95)
    assert seen.state is JobState.COMPLETED
    assert seen.total_s == pytest.approx(needs_s + 0.5, abs=0.6)
    assert seen.sent_bytes == pytest.approx(232 * MIB, rel=0.01)
    assert seen.work_share > 0.9


@pytest.mark.parametrize("name", STEERED)
@given(
    rate=st.floats(0, 150),
    set_mib=st.floats(1, 200),
    link=st.sampled_from([100, 400, 1000]),
    kind=st.sampled_from([Sweep, Random, Zipf]),
)
@settings(max_examples=8, deadline=None)
def test_what_every_migration_obeys(name, rate, set_mib, link, kind):
    case = replace(
        scenario(kind(rate * MIB, set_mib * MIB), hosts={"link_mbps": link}),
        cut_s=60,
    )
    seen = simulate(loader.find(name), case).seen
    again = simulate(loader.find(name), case).seen
    assert seen == again, "the same seed, the same migration"
    link_bps = case.hosts.link_bps
    assert seen.sent_bytes <= link_bps * seen.total_s * 1.001
    assert 0 <= seen.work_share <= 1
    if seen.state is JobState.COMPLETED:
        assert seen.sent_bytes >= 231 * MIB, "all memory has been sent"
        assert seen.downtime_ms is not None and seen.downtime_ms > 0
    else:
        assert seen.total_s <= 60.01


def job(plan=None, **guest):
    clock = SimulatedClock()
    case = scenario(guest=guest)
    plan = plan or StartPlan(True, False, 0, None)
    return clock, SimulatedQemu(case.guest, case.hosts, plan, clock)


@given(
    looks=st.lists(st.floats(0.01, 5), min_size=1, max_size=40),
)
@settings(deadline=None)
def test_looking_changes_nothing(looks):
    """The state at 10 s does not depend on when it was looked at before."""
    clock, watched = job()
    for step_s in looks:
        clock.now_s = min(clock.now_s + step_s, 10.0)
        watched.sample(clock.now_s)
    other_clock, left_alone = job()
    clock.now_s = other_clock.now_s = 10.0
    watched_at, alone_at = watched.sample(10), left_alone.sample(10)
    assert watched_at.iteration == alone_at.iteration
    for name in ("processed_bytes", "remaining_bytes"):
        seen, expected = getattr(watched_at, name), getattr(alone_at, name)
        assert seen == pytest.approx(expected, abs=4096)


def test_the_limit_is_kept_but_for_the_overhead():
    clock, qemu = job(writer=Sweep(20 * MIB, 128 * MIB))
    qemu.set_max_downtime(150)
    clock.now_s = 100.0
    assert qemu.sample(100).state is JobState.COMPLETED
    assert 50 < qemu.seen().downtime_ms <= 150 + 50 + 5


def test_postcopy_sends_the_rest_over_time():
    clock, qemu = job()
    clock.now_s = 6.0
    qemu.start_postcopy()
    left = qemu.sample(6).remaining_bytes
    sent = qemu.sample(6).processed_bytes
    clock.now_s = 7.0
    later = qemu.sample(7)
    assert 0 < later.remaining_bytes < left
    assert later.processed_bytes - sent == pytest.approx(47.5e6, rel=0.06)


def test_device_state_does_not_fit_into_a_small_limit():
    clock, qemu = job(writer=Idle(), device_stop_bytes=64 * MIB)
    clock.now_s = 100.0
    assert qemu.sample(100).state is JobState.RUNNING
    qemu.set_max_downtime(3000)
    clock.now_s = 120.0
    assert qemu.sample(120).state is JobState.COMPLETED
    assert qemu.seen().downtime_ms > 64 * MIB / 47.5e6 * 1e3


def test_a_pause_is_the_whole_rest():
    clock, qemu = job(plan=StartPlan(False, False, 0, None))
    clock.now_s = 3.0
    qemu.force_complete()
    clock.now_s = 100.0
    assert qemu.sample(100).state is JobState.COMPLETED
    seen = qemu.seen()
    assert seen.paused and seen.downtime_ms > 3000


@pytest.mark.parametrize(
    ("plan", "guest", "at_s"),
    [
        (StartPlan(False, False, 0, None), {}, 3.0),
        (StartPlan(True, False, 0, None), {"device_stop_bytes": 9}, 3.0),
        (StartPlan(True, False, 0, None), {}, 0.1),
        (StartPlan(True, False, 0, None), {"writer": Idle()}, 1000.0),
    ],
)
def test_what_libvirt_refuses_is_refused(plan, guest, at_s):
    clock, qemu = job(plan=plan, **guest)
    clock.now_s = at_s
    with pytest.raises(JobRefused):
        qemu.start_postcopy()


def test_a_bandwidth_limit_holds_until_the_stop():
    clock, qemu = job(writer=Idle())
    clock.now_s = 2.0
    before = qemu.sample(2).processed_bytes
    qemu.set_bandwidth(10)
    clock.now_s = 3.0
    assert qemu.sample(3).processed_bytes - before == pytest.approx(
        10 * MIB, rel=0.01
    )


def test_auto_converge_slows_the_guest_until_it_fits():
    clock, qemu = job(
        plan=StartPlan(False, True, 0, None),
        writer=Sweep(100 * MIB, 128 * MIB),
    )
    clock.now_s = 300.0
    assert qemu.sample(300).state is JobState.COMPLETED
    assert qemu.seen().throttle_percent >= 50
    assert qemu.seen().work_share < 0.9


def test_the_last_throttle_is_given_its_chance():
    """110 MiB/s over 96 MiB end only by auto-converge at its most; and
    sooner where the forecast has said so."""
    case = scenario(
        Sweep(110 * MIB, 96 * MIB),
        guest={"cpu_share": 0.22},
        postcopy=False,
        timeout_s=None,
    )
    late = simulate(loader.find("adaptive"), case)
    assert late.completed and late.seen.throttle_percent >= 90
    limit_ms = loader.find("adaptive")(case.budget, case.around).limit_max_ms
    around = foreseen(case.around, case.guest, case.hosts, limit_ms)
    assert not around.forecast.converges
    soon = simulate(loader.find("adaptive"), replace(case, around=around))
    assert soon.completed
    assert soon.seen.total_s < 0.4 * late.seen.total_s


def test_a_throttle_that_is_not_enough_is_said():
    case = scenario(
        Sweep(110 * MIB, 96 * MIB),
        guest={"cpu_share": 0.0},
        postcopy=False,
        timeout_s=None,
    )
    seen = simulate(loader.find("adaptive"), replace(case, cut_s=900.0))
    assert seen.codes[-1] == "not_converging"
    assert seen.seen.total_s >= 900
    assert seen.seen.throttle_percent == 99
