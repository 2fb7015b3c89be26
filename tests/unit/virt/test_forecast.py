"""A migration predicted before its start, with much or little known."""

import logging
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from nova_livemig_gpu.history.entry import Settings
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.history.transports import Link
from nova_livemig_gpu.model import Goal, Mode, PostcopyStart, Surroundings
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.prediction.stun import StunKey, VgpuUse
from nova_livemig_gpu.virt import dirtyrate, measuring
from nova_livemig_gpu.virt.forecast import Forecaster
from nova_livemig_gpu.virt.foreseen import Asked, Foreseen
from tests import builders, builders_history
from tests.simulated import FakeClock
from tests.simulated_guest import Connection, Domain

MIB = 2**20
GIB = 2**30
VGPU = VgpuUse(StunKey("NVIDIA A40", "NVIDIA A40-8Q"), 2 * 10**9, "nvml")
HOSTDEV = (
    "<domain><devices><hostdev mode='subsystem' type='mdev'/>"
    "</devices></domain>"
)


@pytest.fixture
def clock(monkeypatch):
    found = FakeClock()
    measure = dirtyrate.measure
    monkeypatch.setattr(
        dirtyrate,
        "measure",
        lambda *args: measure(*args, now=found.now, sleep=found.sleep),
    )
    now = SimpleNamespace(monotonic=found.now)
    monkeypatch.setattr(measuring, "time", now)
    return found


@pytest.fixture
def domain(clock):
    found = Domain(clock)
    found.rss_kib = 512 * 1024
    return found


@pytest.fixture
def history(tmp_path):
    found = History(tmp_path / "history.sqlite3")
    yield found
    found.close()


def asked(**changes):
    around = changes.pop("around", Surroundings(overhead_ms=50))
    budget = builders.budget(
        **{"bandwidth_mbps": 400, **changes.pop("budget", {})}
    )
    return replace(
        Asked(
            server="3f8a",
            source="src",
            destination="dest",
            memory_mb=1024,
            running=0,
            limit_ms=250,
            budget=budget,
            around=around,
        ),
        **changes,
    )


def foresee(domain, history=None, vgpus=(), options=None, **changes):
    return Forecaster(history, lambda server: tuple(vgpus)).foresee(
        builders.options(dirty_rate_seconds=10, **(options or {})),
        SimpleNamespace(_domain=domain),
        Connection(domain),
        asked(**changes),
    )


def test_from_a_measurement(domain):
    found = foresee(domain)
    given = found.prediction
    assert found.why is None and given.converges
    # 512 MiB, then 117 by the line through the last two points, at 50 MB/s
    assert 13 < given.total_s < 16
    # 30 ms end within 2% of what 250 would: 35 ms, and the overhead
    assert 50 < given.downtime_ms < 100
    assert [p.period_s for p in found.seen] == [1, 2, 4]
    assert found.curve.points[0].dirty_bytes == 24 * MIB


def test_laws_that_use_the_whole_limit_are_predicted_with_it(domain):
    given = foresee(domain, budget={"policy": "nova-staircase"}).prediction
    assert 200 < given.downtime_ms < 320
    gentle = foresee(domain, budget={"goal": Goal.GENTLE}).prediction
    assert gentle == given


def test_it_reaches_policy_and_record(domain):
    found = foresee(domain)
    around = found.on(Surroundings(overhead_ms=50))
    assert around.forecast is found.prediction
    assert around.curve is found.curve
    facts = found.facts()
    assert facts["forecast"]["converges"] is True
    assert facts["forecast"]["mode"] == "precopy"
    assert facts["dirty_curve"][0] == [1.0, 24 * MIB, "measured", 0]
    assert facts["no_forecast"] is None


def test_a_server_that_writes_faster_than_the_link(domain):
    domain.rate, domain.most = 100, 400
    found = foresee(domain)
    assert not found.prediction.converges


@pytest.mark.parametrize(
    ("busy", "share", "percent"),
    [(None, None, 77), ([0.1, 0.4], 0.5, 89), ([0.0, 0.001], 0.01, None)],
)
def test_the_throttle_that_it_needs(domain, busy, share, percent):
    """100 MiB/s, 47.7 MiB/s sent: half of that is written at 77%, 89% where
    its vCPUs are idle half of their time, and never where they hardly run."""
    domain.rate, domain.most, domain.busy = 100, 400, busy
    found = foresee(domain, budget={"auto_converge": True})
    assert not found.prediction.converges
    assert found.cpu_share == pytest.approx(share)
    assert found.throttle_percent == percent
    around = found.on(Surroundings(overhead_ms=50))
    assert around.throttle_percent == percent
    assert found.facts()["throttle_needed"] == percent
    assert found.facts()["cpu_share"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("changes", "rate"),
    [
        ({"budget": {"auto_converge": False}}, 100),
        ({"budget": {"auto_converge": True, "postcopy": True}}, 100),
        ({"budget": {"auto_converge": True}}, 1),
        ({"budget": {"auto_converge": True, "goal": Goal.GENTLE}}, 100),
        ({"budget": {"auto_converge": True, "policy": "ovirt-suspend"}}, 100),
    ],
)
def test_no_throttle_where_none_is_needed(domain, changes, rate):
    domain.rate, domain.most = rate, 400
    found = foresee(domain, **changes)
    assert found.prediction is not None
    assert found.throttle_percent is None


def test_without_post_copy_it_is_throttled(domain):
    domain.rate, domain.most = 100, 400
    around = Surroundings(overhead_ms=50, no_postcopy="no userfaultfd")
    budget = {"auto_converge": True, "postcopy": True}
    found = foresee(domain, budget=budget, around=around)
    assert found.throttle_percent == 77


def test_post_copy_where_the_policy_would_take_it(domain):
    domain.rate, domain.most = 100, 400
    found = foresee(domain, budget={"postcopy": True})
    assert found.prediction.mode is Mode.HYBRID
    assert found.prediction.downtime_ms < 150
    around = Surroundings(overhead_ms=50, no_postcopy="no userfaultfd")
    found = foresee(domain, budget={"postcopy": True}, around=around)
    assert found.prediction.mode is Mode.PRECOPY


def test_a_switch_inside_the_first_pass_where_it_is_permitted(domain):
    domain.rate, domain.most = 100, 400
    budget = {"postcopy": True, "postcopy_start": PostcopyStart.AS_PREDICTED}
    soon = foresee(domain, budget=budget).prediction
    late = foresee(domain, budget={"postcopy": True}).prediction
    assert soon.why == "post-copy inside pass 1"
    assert soon.total_s < late.total_s
    gentle = foresee(domain, budget={**budget, "goal": Goal.GENTLE})
    assert gentle.prediction.why == late.why


def test_gentle_stays_with_pre_copy_that_ends(domain):
    budget = {"postcopy": True, "goal": Goal.GENTLE}
    assert foresee(domain, budget=budget).prediction.mode is Mode.PRECOPY


def test_off(domain):
    found = foresee(domain, options={"predict": "off"})
    assert found == Foreseen(why="predict is off")
    assert domain.periods == []


def test_from_the_history_alone(domain, history):
    entry = replace(
        builders_history.entry(),
        server="3f8a",
        source="src",
        destination="dest",
        ended_at=time.time(),
        bandwidth_bps=25e6,
        curve=(Observed(1.0, 2e6),),
    )
    history.add(entry)
    found = foresee(domain, history, options={"predict": "history"})
    assert domain.periods == []
    assert {p.source for p in found.seen} == {"history"}
    assert found.prediction.total_s > 512 * MIB / 25e6
    # two more leave the host already
    busy = foresee(domain, history, options={"predict": "history"}, running=2)
    assert busy.prediction.total_s > 2.5 * found.prediction.total_s


def test_nothing_is_known_of_the_link(domain):
    found = foresee(domain, budget={"bandwidth_mbps": None})
    assert found.prediction is None
    assert "no migration between these hosts" in found.why
    assert found.curve is not None


def test_the_link_stands_for_what_was_not_learnt(domain):
    link = Link(400, "this host's; the destination's is unknown")
    found = foresee(domain, budget={"bandwidth_mbps": None}, link=link)
    told = foresee(domain)
    assert found.prediction.total_s == told.prediction.total_s
    (said,) = (each for each in found.rests_on if "bandwidth" in each)
    assert "at most, 400 Mbit/s of the link (this host's" in said
    assert found.facts()["forecast_rests_on"] == list(found.rests_on)


def test_the_disk_of_a_block_migration(domain):
    plain = foresee(domain)
    disk = foresee(domain, disk_bytes=1e9).prediction
    assert disk.disk_bytes == 1e9
    assert disk.total_s - plain.prediction.total_s == pytest.approx(20)
    assert disk.downtime_ms == plain.prediction.downtime_ms
    unknown = foresee(domain, disk_bytes=None)
    assert unknown.prediction == plain.prediction
    assert "disk: unknown, and left out" in unknown.rests_on


def past(number=1, **changes):
    made = {
        "server": "3f8a",
        "source": "src",
        "destination": "dest",
        "ended_at": time.time() - 60,
        "bandwidth_bps": 25e6,
        **changes,
    }
    return builders_history.entry(number, **made)


def test_multifd_by_its_measured_effect(domain, history):
    four = Settings(channels=4)
    history.add(past(1), past(2, bandwidth_bps=50e6, settings=four))
    free = {"bandwidth_mbps": None}
    options = {"predict": "history"}
    one = foresee(domain, history, options=options, budget=free)
    many = foresee(
        domain, history, options=options, budget=free, settings=four
    )
    assert many.prediction.total_s < 0.6 * one.prediction.total_s
    assert any("2.00 times" in each for each in many.rests_on)


def test_a_fresh_curve_is_not_measured_again(domain, history):
    curve = (Observed(10.0, 2e6), Observed(1.0, 1e6), Observed(0.2, 1e5))
    history.add(past(curve=curve))
    found = foresee(domain, history)
    assert domain.periods == [] and found.measured_s == 0
    assert {each.source for each in found.seen} == {"history"}
    # always, or a curve of yesterday
    foresee(domain, history, options={"dirty_rate_fresh_seconds": 0})
    assert domain.periods != []
    domain.periods.clear()
    history.add(past(curve=curve, ended_at=time.time() - 86400))
    foresee(domain, history, options={"dirty_rate_fresh_seconds": 3600})
    assert domain.periods == []
    foresee(domain, history, options={"dirty_rate_fresh_seconds": 30})
    assert domain.periods != []


def test_a_mostly_blank_server(domain, history):
    """Resident, but sent as zero pages by an earlier migration."""
    resident = foresee(domain)
    assert any("at most 512 MiB" in each for each in resident.rests_on)
    history.add(
        past(
            normal_bytes=32.0 * MIB,
            resident_bytes=512.0 * MIB,
            bandwidth_bps=None,
        )
    )
    found = foresee(domain, history)
    assert found.memory.normal_bytes == 32 * MIB
    assert found.prediction.total_s < resident.prediction.total_s / 4


def test_no_dirty_rate(domain):
    """As with a libvirt that cannot: an idle guest, and it says so."""
    domain.refuse_after = 0
    found = foresee(domain)
    assert found.curve is None
    assert "idle" in found.prediction.why


def test_resident_memory_unknown_is_all_of_it(domain):
    domain.rss_kib = None
    assert foresee(domain).memory.normal_bytes == GIB


def test_a_fault_is_no_forecast(domain, caplog):
    domain.memoryStats = lambda: 1 / 0
    with caplog.at_level(logging.ERROR):
        found = foresee(domain)
    assert found.prediction is None
    assert "ZeroDivisionError" in found.why


def test_stun_adds_to_the_pause(domain):
    around = Surroundings(overhead_ms=50, vfio=True)
    domain.xml = HOSTDEV
    found = foresee(domain, vgpus=[VGPU], around=around)
    # adaptive would take a lower limit without the device
    plain = foresee(domain, budget={"policy": "nova-staircase"})
    assert found.stun.basis == "nvml"
    assert found.stun.framebuffer_bytes == 2 * 10**9
    added = found.prediction.downtime_ms - plain.prediction.downtime_ms
    assert added == pytest.approx(found.stun.p50_ms)
    assert found.prediction.stun == found.stun


def test_the_stun_is_that_of_the_link(domain):
    around = Surroundings(overhead_ms=50, vfio=True)
    domain.xml = HOSTDEV
    p50 = {}
    for mbps in (10_000, 100_000):
        link = Link(mbps, "the slower of both ends")
        found = foresee(domain, vgpus=[VGPU], around=around, link=link)
        assert found.vgpus[0].key.link_mbps == mbps
        assert any("stun: a guess" in each for each in found.rests_on)
        p50[mbps] = found.stun.p50_ms
    assert p50[100_000] < p50[10_000] / 2


def test_a_device_that_nobody_knows(domain):
    around = Surroundings(overhead_ms=50, vfio=True)
    domain.xml = HOSTDEV
    found = foresee(domain, around=around)
    assert found.prediction is None and found.stun is None
    assert "nothing is known" in found.why
    unknown = replace(VGPU, framebuffer_bytes=None, basis=None)
    found = foresee(domain, vgpus=[unknown], around=around)
    assert found.prediction is None
    assert "framebuffer" in found.why
