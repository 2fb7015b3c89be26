"""A stun for each server, whatever the prediction does."""

from collections.abc import Sequence

import pytest

from nova_livemig_gpu.facts import stuns
from nova_livemig_gpu.model import ActiveVgpu, HostFacts, Stun
from tests import builders_facts as builders

ONE, TWO = "server-1", "server-2"


def vgpu(server: str, **changes: object) -> ActiveVgpu:
    return builders.a_vgpu(server, **changes)


HOST = builders.a_host(
    active=(vgpu(ONE), vgpu(TWO), vgpu(TWO, gpu="0000:3c:00.0"))
)


def by_count(
    server: str, vgpus: Sequence[ActiveVgpu], facts: HostFacts
) -> Stun | None:
    return Stun(100.0 * len(vgpus), 150.0 * len(vgpus), learnt_from=5)


def told(facts: HostFacts) -> list[float | None]:
    return [each.stun_ms for each in facts.active or ()]


def test_each_vgpu_tells_the_stun_of_its_server() -> None:
    found = stuns.add(HOST, by_count)
    assert told(found) == [150, 300, 300]


def test_of_a_gpu_that_is_new_here_the_median_is_told() -> None:
    found = stuns.add(HOST, lambda *_: Stun(900.0, 4200.0, learnt_from=4))
    assert told(found) == [900, 900, 900]


def test_a_guess_is_not_held_against_a_budget() -> None:
    found = stuns.add(HOST, lambda *_: Stun(900.0, 4200.0, guess=True))
    assert told(found) == [None, None, None]


def test_nobody_can_tell() -> None:
    assert stuns.add(HOST, None) is HOST
    found = stuns.add(HOST, lambda server, vgpus, facts: None)
    assert told(found) == [None, None, None]


@pytest.mark.parametrize("active", [None, ()])
def test_without_vgpus_nobody_is_asked(
    active: tuple[ActiveVgpu, ...] | None,
) -> None:
    host = builders.a_host(active=active)
    assert stuns.add(host, by_count) is host


def test_a_prediction_that_fails_is_unknown_for_that_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(
        server: str, vgpus: Sequence[ActiveVgpu], facts: HostFacts
    ) -> Stun | None:
        if server == ONE:
            raise ValueError("no history")
        return by_count(server, vgpus, facts)

    assert told(stuns.add(HOST, fails)) == [None, 300, 300]
    assert ONE in caplog.text
