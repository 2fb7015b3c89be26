"""What is published, and with which counts."""

from types import SimpleNamespace

import pytest

from nova_livemig_gpu.facts import codec, traits
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.virt import publisher, snapshot
from nova_livemig_gpu.virt.links import Links
from nova_livemig_gpu.virt.running import Running
from tests import builders_facts as build
from tests.builders import options

UNKNOWN = Running()


class Reader:
    """Stands for HostFactsReader."""

    def __init__(self, facts):
        self.facts = facts
        self.fresh = 0
        self.settings = None

    def read(self, settings):
        self.fresh += 1
        self.settings = settings
        if isinstance(self.facts, Exception):
            raise self.facts
        return self.facts


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy machine takes no reading for a slow one."""
    monkeypatch.setattr(snapshot, "PATIENCE_S", 5.0)


@pytest.fixture
def make(monkeypatch):
    def build_it(facts, counts=UNKNOWN, steered=0, **changes):
        monkeypatch.setattr(publisher, "running", lambda host: counts)
        service = SimpleNamespace(
            driver=SimpleNamespace(supported_vgpu_types=[]),
            gpus=NullBackend(),
            release=None,
            links=Links(),
            options=SimpleNamespace(read=lambda: options(**changes)),
        )
        own = publisher.Publisher(service, lambda: steered)
        own._facts = Reader(facts)
        return own

    return build_it


@pytest.mark.parametrize(
    ("counts", "steered", "out", "into"),
    [
        (Running(1, 2), 0, 1, 2),
        (Running(0, 0), 1, 0, 0),
        (Running(None, None), 1, 1, None),
    ],
)
def test_migrations_are_counted(make, counts, steered, out, into):
    """Nova's records count; without them our own sessions."""
    own = make(build.a_host(), counts, steered)
    facts = codec.decode(own.stats())
    assert (facts.migrations_out, facts.migrations_in) == (out, into)


def test_the_options_go_with_the_facts(make, monkeypatch):
    own = make(build.a_host(), link_mbps=400, over_budget="warn")
    own.stats()
    settings = own._facts.settings
    assert (settings.link_mbps, settings.over_budget) == (400, "warn")
    assert settings.max_downtime_ms == 500


def test_the_servers_cpus_are_published(make):
    own = make(build.a_host())
    assert codec.decode(own.stats()).guests is None
    own._guests = SimpleNamespace(read=lambda: (build.a_guest(),))
    assert codec.decode(own.stats()).guests == (build.a_guest(),)


def test_a_destination_always_looks_anew(make):
    own = make(build.a_host())
    assert own.facts() is own.facts()
    assert own._facts.fresh == 2


def test_traits_are_those_of_the_stats(make):
    own = make(build.a_host())
    own.stats()
    assert traits.MIGRATABLE in own.traits({"HW_CPU_X86_AVX"})
    assert own._facts.fresh == 1


def test_traits_without_stats(make):
    assert traits.MIGRATABLE in make(build.a_host()).traits(set())


def test_traits_of_a_host_that_cannot_be_read_stay(make):
    own = make(OSError("broken"))
    mine = {traits.MIGRATABLE, "HW_CPU_X86_AVX"}
    assert own.traits(mine) == mine


def test_what_an_audit_publishes_is_its_own_copy(make):
    """Nova merges it into the stats of the compute node."""
    own = make(build.a_host())
    own.stats().clear()
    assert own.stats()


def test_a_fault_of_ours_publishes_nothing_and_breaks_nothing(make, caplog):
    assert make(OSError("broken")).stats() == {}
    assert "are not published" in caplog.text


@pytest.fixture
def servers(monkeypatch):
    """RPC servers that were started: host, and what was done with them."""
    started = []

    def start(transport, host, gpus, resumes):
        done = []
        started.append((host, done))
        return SimpleNamespace(
            stop=lambda: done.append("stop"), wait=lambda: done.append("wait")
        )

    monkeypatch.setattr(publisher.nova_rpc, "TRANSPORT", None)
    monkeypatch.setattr(publisher.rpc_server, "start", start)
    return started


def test_a_host_with_a_gpu_answers_others(make, servers):
    own = make(build.a_host())
    own.stats()
    assert servers == [], "the service has not begun"
    own.answer_other_hosts("h1")
    assert servers == []
    for _ in range(2):
        own._read()
    own.close()
    assert servers == [("h1", ["stop", "wait"])]
    own._read()
    assert len(servers) == 1


@pytest.mark.parametrize("gpus", [None, ()])
def test_a_host_without_gpus_has_nothing_to_answer(make, servers, gpus):
    """No queue, no thread: nobody will ask it."""
    own = make(build.a_host(gpus=gpus))
    own.answer_other_hosts("h1")
    own.stats()
    own.close()
    assert servers == []


def test_an_rpc_server_that_does_not_start_is_tried_again(
    make, servers, monkeypatch, caplog
):
    own = make(build.a_host())
    own.answer_other_hosts("h1")
    with monkeypatch.context() as patch:
        patch.setattr(publisher.rpc_server, "start", lambda *args: 1 / 0)
        assert own.stats()
    assert "get no answers" in caplog.text
    own._read()
    assert [host for host, _ in servers] == ["h1"]


def test_a_host_that_is_to_have_vgpus_answers(make, servers):
    own = make(build.a_host(gpus=None))
    own._driver.supported_vgpu_types = ["nvidia-11"]
    own.answer_other_hosts("h1")
    own.stats()
    assert [host for host, _ in servers] == ["h1"]


def test_a_host_that_resumes_arrivals_answers_at_once(make, servers):
    own = make(build.a_host(gpus=()))
    own.answer_other_hosts("h1", resumes=True)
    own.stats()
    assert [host for host, _ in servers] == ["h1"]
