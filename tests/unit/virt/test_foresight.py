"""What the driver asks of the forecast, on a host with vGPUs."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.model import (
    ActiveVgpu,
    GpuDevice,
    HostFacts,
    JobState,
    Outcome,
    Prediction,
    Staircase,
    Surroundings,
    VgpuKind,
    VgpuType,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.staircase import StaircasePolicy
from nova_livemig_gpu.virt import foresight
from nova_livemig_gpu.virt.foreseen import Foreseen
from nova_livemig_gpu.virt.foresight import Foresight
from nova_livemig_gpu.virt.links import Links
from tests import builders, builders_history
from tests.simulated import FakeClock
from tests.simulated_guest import Connection, Domain

SERVER = "3f8a1c9e-5b7d-4e2f-8a6b-9c0d1e2f3a4b"
INSTANCE = SimpleNamespace(uuid=SERVER, flavor=SimpleNamespace(memory_mb=1024))
GPU = GpuDevice(
    "0000:3b:00.0",
    "NVIDIA A40",
    VgpuKind.MDEV,
    types=(VgpuType("nvidia-558", "NVIDIA A40-8Q", 8192),),
)
HOSTDEV = (
    "<domain><devices><hostdev mode='subsystem' type='mdev'/>"
    "</devices></domain>"
)


DATA = SimpleNamespace(block_migration=False)


class Context:
    """Of a request."""

    def elevated(self):
        return self


class Backend(GpuBackend):
    """One vGPU; how much of its framebuffer is in use may be unknown."""

    def __init__(self, used=None):
        self.used = used

    def score(self):
        return 1

    def devices(self):
        return (GPU,)

    def active(self):
        return (ActiveVgpu(SERVER, GPU.address, "nvidia-558", self.used),)


@pytest.fixture
def domain():
    found = Domain(FakeClock())
    found.xml = HOSTDEV
    return found


@pytest.fixture
def service(tmp_path, domain):
    connection = Connection(domain)
    connection.getVersion = lambda: 10_000_002
    host = SimpleNamespace(get_connection=lambda: connection)
    return SimpleNamespace(
        history=History(tmp_path / "history.sqlite3"),
        gpus=Backend(),
        links=Links(),
        driver=SimpleNamespace(_host=host),
    )


def policy(vfio=True, **changes):
    around = Surroundings(overhead_ms=50, vfio=vfio)
    return AdaptivePolicy(builders.budget(**changes), around)


def test_the_stun_before_the_destination_is_known(service, domain):
    guest = SimpleNamespace(_domain=domain)
    found = Foresight(service).glance(
        builders.options(), policy(), INSTANCE, guest
    )
    assert found.stun.framebuffer_bytes == 8192 * 2**20
    assert found.stun.basis == "type"
    service.gpus.used = 2**30
    found = Foresight(service).glance(
        builders.options(), policy(), INSTANCE, guest
    )
    assert found.stun.framebuffer_bytes == 2**30
    assert found.stun.basis == "nvml"
    assert domain.periods == []


def test_no_stun(service, domain):
    guest = SimpleNamespace(_domain=domain)
    look = Foresight(service).glance
    off = builders.options(predict="off")
    assert look(off, policy(), INSTANCE, guest).stun is None
    plain = policy(vfio=False)
    assert look(builders.options(), plain, INSTANCE, guest).stun is None
    service.gpus.active = lambda: 1 / 0
    assert look(builders.options(), policy(), INSTANCE, guest).stun is None


def test_the_limit_of_a_policy(service, domain):
    seen = []
    ahead = Foresight(service)
    ahead._forecaster = SimpleNamespace(
        foresee=lambda options, guest, connection, asked: (
            seen.append(asked) or Foreseen(why="not asked")
        )
    )
    stairs = StaircasePolicy(
        builders.budget(),
        Surroundings(overhead_ms=50, staircase=Staircase(500, 10, 75, 2.0)),
    )
    for each in (policy(vfio=False), stairs):
        ahead.look(
            builders.options(),
            each,
            Context(),
            INSTANCE,
            "dest",
            None,
            DATA,
            2,
        )
    assert [each.limit_ms for each in seen] == [250, 500]
    assert seen[0].destination == "dest" and seen[0].running == 2


def test_the_sentence_in_the_log():
    assert foresight._said(Foreseen(why="predict is off")).endswith(
        "not predicted: predict is off"
    )
    endless = Prediction(False, None, None, 3, 1e9, 1e8, "no shrinking")
    assert foresight._said(Foreseen(endless)).endswith("end: no shrinking")
    said = foresight._said(Foreseen(endless, throttle_percent=90))
    assert "auto-converge needs 90%" in said and "for 90 ms" in said
    given = builders_history.prediction()
    assert "precopy, 20.0 s, 200 ms down, 4 passes" in foresight._said(
        Foreseen(given)
    )


def ended(service, **changes):
    head = {
        "migration": "0b7c2a52-8f4e-4d59-9a0c-1f2e3d4c5b6a",
        "server": SERVER,
        "source": "src",
        "destination": "dest",
        "memory_mb": 1024,
        "overhead_ms": 50.0,
        **changes,
    }
    return SimpleNamespace(
        record=Record(None, head),
        foreseen=Foreseen(builders_history.prediction()),
        steered_end=replace(builders.at_pass_end([60, 5]), limit_ms=250),
        policy=policy(vfio=False),
        instance=INSTANCE,
        plain=False,
    )


DONE = Outcome(JobState.COMPLETED, total_ms=25_000, downtime_ms=250)


def test_it_learns(service):
    session = ended(service)
    Foresight(service).learn(session, DONE)
    error = session.record.as_dict()["forecast_error"]
    assert error["total"] == pytest.approx(-0.2)
    (kept,) = service.history.entries()
    assert kept.server == SERVER
    assert dict(kept.versions)["qemu"] == "10.0.2"


def test_what_cannot_be_kept_is_said_and_no_more(service, caplog):
    session = ended(service, memory_mb="much")
    Foresight(service).learn(session, DONE)
    assert "Nothing was learnt" in caplog.text
    assert service.history.count() == 0


def stun_of(service, vgpus, **options):
    service.options = SimpleNamespace(read=lambda: builders.options(**options))
    facts = HostFacts("1", gpus=(GPU,))
    return Foresight(service).stun_of(SERVER, vgpus, facts)


def test_the_stun_of_a_server_for_the_facts_of_its_host(service):
    small = ActiveVgpu(SERVER, GPU.address, "nvidia-558", 2**30)
    large = replace(small, framebuffer_used_bytes=8 * 2**30)
    one, other = (stun_of(service, [each]) for each in (small, large))
    assert 0 < one.p50_ms < one.p90_ms < other.p90_ms
    assert stun_of(service, [small, large]).p50_ms > other.p50_ms


def test_no_stun_of_a_gpu_that_is_not_known(service):
    known = ActiveVgpu(SERVER, GPU.address, "nvidia-558", 2**30)
    elsewhere = replace(known, gpu="0000:ff:00.0")
    assert stun_of(service, [known, elsewhere]) is None
    assert stun_of(service, [known], predict="off") is None
