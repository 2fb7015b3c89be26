"""Cheaper hosts win; aggregates and option scale it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova import objects
from nova.scheduler import weights

from nova_livemig_gpu.facts.now import Load
from nova_livemig_gpu.model import Prediction
from nova_livemig_gpu.scheduler import options
from nova_livemig_gpu.scheduler import request as requests
from nova_livemig_gpu.scheduler.cost import cost
from nova_livemig_gpu.scheduler.cost_weigher import MigrationCostWeigher
from nova_livemig_gpu.scheduler.needs import StunNeeds
from tests import builders_facts as builders
from tests.unit.scheduler.fakes import a_spec, migration

NAME = "migration_cost_weight_multiplier"


def a_host(name: str, **facts: Any) -> Any:
    return builders.host_state(name, builders.a_host(**facts))


def ranked(hosts: list[Any], spec: Any) -> list[str]:
    """Return the names in the order in which Nova would take them."""
    weighers = [MigrationCostWeigher()]
    handler = weights.HostWeightHandler()
    found = handler.get_weighed_objects(weighers, hosts, spec)
    return [each.obj.host for each in found]


NEEDS = builders.needs(memory_mib=16 * 1024)


def test_the_worked_example() -> None:
    stunned = replace(NEEDS, stun=StunNeeds(700.0, 500, 25000))
    load = Load(0, 1, 25000)
    assert cost(load, NEEDS) == pytest.approx(11.0, abs=0.01)
    assert cost(load, stunned) == pytest.approx(11.7, abs=0.01)


def test_what_is_unknown() -> None:
    needs = builders.needs()
    assert cost(Load(), needs) == cost(Load(0, 0, 10000), needs)
    assert cost(Load(), needs) == cost(Load(), replace(needs, memory_mib=1024))


@given(st.integers(0, 50), st.integers(1, 400_000), st.integers(1, 1_000_000))
def test_more_migrations_or_a_slower_link_never_cost_less(
    running: int, link_mbps: int, memory_mib: int
) -> None:
    needs = builders.needs(
        memory_mib=memory_mib, stun=StunNeeds(700.0, 500, 25000)
    )
    here = cost(Load(running, 0, link_mbps), needs)
    assert here <= cost(Load(running, 1, link_mbps), needs)
    assert here <= cost(Load(running, 0, max(1, link_mbps // 2)), needs)


def test_a_prediction_takes_over() -> None:
    predicted = Prediction(True, 20.0, 500.0, 3, 0.0, 0.0, "")
    assert cost(Load(9, 9, 1), NEEDS, predicted) == 20.5


def test_order() -> None:
    hosts = [
        builders.host_state("mute"),
        a_host("slow", link_mbps=1000),
        a_host("busy", migrations_out=1, migrations_in=2),
        a_host("idle"),
    ]
    assert ranked(hosts, migration())[:2] == ["idle", "busy"]


def test_mute_hosts_cost_as_much_as_the_dearest() -> None:
    hosts = [builders.host_state("mute"), a_host("idle"), a_host("slow")]
    hosts[2].stats = builders.host_state(
        "", builders.a_host(link_mbps=1000)
    ).stats
    weighed = [weights.WeighedHost(host, 0.0) for host in hosts]
    found = MigrationCostWeigher().weigh_objects(weighed, migration())
    assert found[0] == found[2] < found[1]


def test_other_requests_weigh_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requests, "_look_up", None)
    weighed = [weights.WeighedHost(a_host("a", link_mbps=1), 0.0)]
    found = MigrationCostWeigher().weigh_objects(weighed, a_spec())
    assert found == [0.0]


def test_a_fault_of_ours_weighs_nothing() -> None:
    weighed = [weights.WeighedHost(a_host("a"), 0.0)]
    assert MigrationCostWeigher().weigh_objects(weighed, None) == [0.0]


def test_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = [a_host("slow", link_mbps=1000), a_host("idle")]
    monkeypatch.setattr(options, "cost_multiplier", lambda: -1.0)
    assert ranked(hosts, migration()) == ["slow", "idle"]


def test_an_aggregate_overrides_the_option() -> None:
    weigher = MigrationCostWeigher()
    host = a_host("a")
    assert weigher.weight_multiplier(host) == 1.0
    plain = objects.Aggregate(metadata={"x": "1"})
    own = objects.Aggregate(metadata={NAME: "2.5"})
    host.aggregates = [plain, own]
    assert weigher.weight_multiplier(host) == 2.5


def test_an_aggregate_overrides_it_in_a_whole_request() -> None:
    """Nova asks for all weights first, then for each host's multiplier."""
    hosts = [a_host("slow", link_mbps=1000), a_host("idle")]
    weigher = MigrationCostWeigher()
    handler = weights.HostWeightHandler()

    def first() -> str:
        found = handler.get_weighed_objects([weigher], hosts, migration())
        return str(found[0].obj.host)

    plain = objects.Aggregate(metadata={"x": "1"})
    hosts[0].aggregates = hosts[1].aggregates = [plain]
    assert first() == "idle"
    # 1 x -0 < -1 x -1, as Nova normalises weights to 0 .. 1
    own = objects.Aggregate(metadata={NAME: "-1"})
    hosts[0].aggregates = [plain, own]
    hosts[1].aggregates = [plain, own]
    assert first() == "slow"
    hosts[0].aggregates = hosts[1].aggregates = []
    assert first() == "idle"


def test_a_request_beside_it_hides_no_override() -> None:
    weigher = MigrationCostWeigher()
    mine, other = a_host("mine"), a_host("other")
    mine.aggregates = [objects.Aggregate(metadata={NAME: "2.5"})]
    spec = migration()
    weigher.weigh_objects([weights.WeighedHost(mine, 0.0)], spec)
    weigher.weigh_objects([weights.WeighedHost(other, 0.0)], migration())
    assert weigher.weight_multiplier(mine) == 2.5
    assert weigher.weight_multiplier(other) == 1.0
