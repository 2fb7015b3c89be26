"""The dirty curve of a running server, and everything that can go wrong."""

import json
from types import SimpleNamespace

import libvirt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.virt import dirtyrate
from nova_livemig_gpu.virt.gauges import LibvirtGauge, MonitorGauge
from tests.simulated import FakeClock
from tests.simulated_guest import Connection, Domain

MIB = 2**20
GIB = 2**30


@pytest.fixture
def clock():
    return FakeClock()


def measure(domain, clock, seconds=10.0, first_s=None):
    gauge = LibvirtGauge(domain, Connection(domain))
    return dirtyrate.measure(
        domain, gauge, seconds, GIB, first_s, clock.now, clock.sleep
    )


def test_points_are_what_the_server_writes(clock):
    domain = Domain(clock)
    found = measure(domain, clock)
    assert domain.periods == [4, 2, 1, 1, 1]
    assert [p.period_s for p in found] == [1, 2, 4]
    assert [p.dirty_bytes / MIB for p in found] == [24, 48, 64]
    assert {p.source for p in found} == {"measured"}


def test_more_measurements_are_more_certain(clock):
    one, _, _ = measure(Domain(clock), clock)
    (alone,) = measure(Domain(clock), clock, seconds=1)
    assert one.variance_bytes2 == pytest.approx(alone.variance_bytes2 / 3)
    # 12 of 512 samples
    assert alone.variance_bytes2**0.5 / MIB == pytest.approx(6.8, abs=0.1)


def test_no_longer_than_the_first_pass(clock):
    domain = Domain(clock)
    measure(domain, clock, seconds=60, first_s=5.5)
    assert domain.periods == [5, 2, 1, 1, 1]


def test_never_on_a_server_with_a_job(clock):
    domain = Domain(clock, job=libvirt.VIR_DOMAIN_JOB_UNBOUNDED)
    assert measure(domain, clock) == ()
    assert domain.periods == []


def test_a_refusal_keeps_what_is_there(clock):
    domain = Domain(clock)
    domain.refuse_after = 1
    (found,) = measure(domain, clock)
    assert found.period_s == 4


def test_silence_is_given_up(clock):
    domain = Domain(clock)
    domain.silent = True
    begin = clock.now()
    assert measure(domain, clock) == ()
    assert clock.now() - begin < 4 + 2 + 1
    assert domain.periods == [4]


@pytest.mark.parametrize("answer", [-1, None, True, "24", 1.5])
def test_nonsense_is_unknown(clock, answer):
    domain = Domain(clock)
    domain.startDirtyRateCalc(1, 0)
    domain.startDirtyRateCalc = lambda *_: None
    domain.answer = answer
    assert measure(domain, clock) == ()


def test_too_few_seconds(clock):
    assert measure(Domain(clock), clock, seconds=0.5) == ()


def test_values_that_differ_are_less_certain():
    def sigma(values):
        seen = [(1.0, value * MIB) for value in values]
        (found,) = dirtyrate.observed(seen, GIB, 16384)
        assert found.dirty_bytes == pytest.approx(24 * MIB)
        return found.variance_bytes2**0.5 / MIB

    assert sigma([0, 48, 24]) == pytest.approx(13.9, abs=0.1)
    assert sigma([24, 24, 24]) < 1


@pytest.fixture
def monitor(monkeypatch):
    """QEMU's answers; what it was asked for."""
    asked, answers = [], []

    def command(domain, text, flags):
        asked.append(json.loads(text))
        return json.dumps(answers.pop(0))

    module = SimpleNamespace(qemuMonitorCommand=command)
    monkeypatch.setitem(__import__("sys").modules, "libvirt_qemu", module)
    return SimpleNamespace(asked=asked, answers=answers)


def test_the_monitor_measures_fractions_of_a_second(monitor):
    monitor.answers += [
        {"return": {}},
        {"return": {"status": "measuring"}},
        {"return": {"status": "measured", "dirty-rate": 24}},
    ]
    gauge = MonitorGauge(None)
    gauge.start(0.125)
    assert gauge.rate_mib_s() is None
    assert gauge.rate_mib_s() == 24
    assert monitor.asked[0] == {
        "execute": "calc-dirty-rate",
        "arguments": {
            "calc-time": 125,
            "calc-time-unit": "millisecond",
            "sample-pages": 16384,
        },
    }


def test_an_older_qemu_says_no(monitor, clock):
    monitor.answers.append({"error": {"desc": "Parameter is unexpected"}})
    domain = Domain(clock)
    found = dirtyrate.measure(
        domain,
        MonitorGauge(domain),
        5,
        GIB,
        now=clock.now,
        sleep=clock.sleep,
    )
    assert found == ()


@given(
    st.floats(0, 200),
    st.none() | st.floats(0.01, 1000),
    st.sampled_from([LibvirtGauge, MonitorGauge]),
)
def test_periods(seconds, first_s, gauge):
    found = dirtyrate.periods_s(seconds, gauge, first_s)
    assert sum(found) <= seconds + 1e-6
    assert all(gauge.least_s * 0.98 <= each <= 60 for each in found)
    assert found or seconds < gauge.least_s
    assert not found or seconds >= gauge.least_s * 0.98
    if found and first_s is not None:
        assert max(found) <= max(first_s, gauge.least_s) + 1e-6
