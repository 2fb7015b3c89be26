"""Whatever of ours fails, the scheduler and the API go on as Nova's own."""

from types import SimpleNamespace
from typing import Any

import pytest
from nova import exception

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.policies import loader
from nova_livemig_gpu.rpc import messages, server
from nova_livemig_gpu.scheduler import (
    cost_weigher,
    extra_specs,
    facts_filter,
    once,
    refusals,
)
from nova_livemig_gpu.scheduler import request as requests
from nova_livemig_gpu.scheduler.cost_weigher import MigrationCostWeigher
from nova_livemig_gpu.scheduler.facts_filter import FactsFilter
from tests import builders_facts as builders
from tests.unit.scheduler.fakes import migration
from tests.unit.scheduler.test_filters import BOTH, GOOD, MUTE, WRONG

LAX = Rules(unknown_cpu="allow", unknown_facts="allow")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "_told", set())


def _broken(*args: Any, **kwargs: Any) -> Any:
    raise ZeroDivisionError


def _errors(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.levelname == "ERROR" for record in caplog.records)


@BOTH
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (requests, "find"),
        (requests, "unknown_needs"),
        (requests.Request, "table"),
        (requests.Request, "keep"),
        (requests.VIEWS, "look"),
        (FactsFilter, "_sift"),
        (FactsFilter, "_tell"),
        (facts_filter, "treat"),
        (facts_filter, "compress"),
        (refusals, "for_log"),
        ("filter", "judge"),
    ],
)
def test_a_filter_that_fails_refuses_nobody(
    kind: Any,
    owner: Any,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    owner = kind if owner == "filter" else owner
    monkeypatch.setattr(owner, name, _broken)
    hosts = [GOOD, WRONG[kind], MUTE]
    found = kind().filter_all(hosts, migration(rules=LAX))
    if name == "unknown_needs":  # is asked where something else fails
        assert (found, _errors(caplog)) == ([GOOD, MUTE], 0)
        return
    assert GOOD in found and MUTE in found
    assert _errors(caplog) >= 1


@BOTH
def test_a_filter_that_fails_twice(
    kind: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(requests, "unknown_needs", _broken)
    monkeypatch.setattr(requests.Request, "table", _broken)
    assert kind().filter_all([WRONG[kind]], migration()) == [WRONG[kind]]
    assert _errors(caplog) == 2


@BOTH
def test_a_refusal_that_cannot_be_told_refuses(
    kind: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(refusals, "for_api", _broken)
    with pytest.raises(exception.NoValidHost):
        kind().filter_all([WRONG[kind]], migration())
    assert _errors(caplog) == 1


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (requests, "find"),
        (requests.Request, "table"),
        (cost_weigher.options, "cost_multiplier"),
        (cost_weigher, "cost"),
        (MigrationCostWeigher, "_ask"),
    ],
)
def test_a_weigher_that_fails_weighs_nothing(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    weigher = MigrationCostWeigher()
    monkeypatch.setattr(owner, name, _broken)
    hosts = [SimpleNamespace(obj=each) for each in (GOOD, MUTE)]
    assert weigher.weigh_objects(hosts, migration()) == [0.0, 0.0]
    assert _errors(caplog) == 1


def test_validators_that_cannot_be_made_leave_the_api_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(loader, "names", _broken)
    assert extra_specs.register() == []
    assert _errors(caplog) == 1


def test_another_host_gets_an_answer(caplog: Any) -> None:
    backend = SimpleNamespace(vgpu_metadata=_broken)
    answer = server.Endpoint(backend).vgpu_metadata({}, builders.SERVER)
    assert "ZeroDivisionError" in str(messages.decode(answer))
    assert _errors(caplog) == 1
