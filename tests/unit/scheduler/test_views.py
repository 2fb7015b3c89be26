"""Strings are decoded once, shared, and never mistaken."""

import pytest

from nova_livemig_gpu.facts import base, now
from nova_livemig_gpu.scheduler import views
from tests import builders_facts as builders


def test_unchanged_strings_are_decoded_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = views.Views()
    (first,) = known.look([builders.host_state("h", builders.a_host())])
    monkeypatch.setattr(now, "decode", None)
    (again,) = known.look([builders.host_state("h", builders.a_host())])
    assert first is not None and again is first


def test_equal_hosts_share_a_base() -> None:
    known = views.Views()
    one, two = known.look(
        [
            builders.host_state("a", builders.a_host()),
            builders.host_state("b", builders.a_host(migrations_in=3)),
        ]
    )
    assert one is not None and two is not None
    assert one is not two and one.base is two.base


def test_different_bases_share_their_parts() -> None:
    known = views.Views()
    one, two = known.look(
        [
            builders.host_state("a", builders.a_host()),
            builders.host_state("b", builders.a_host(kernel="7.0")),
        ]
    )
    assert one is not None and two is not None
    assert one.base is not two.base
    assert one.base.models[0] is two.base.models[0]
    assert one.base.facts.cpu is two.base.facts.cpu


def test_a_host_that_becomes_garbage_is_unknown() -> None:
    known = views.Views()
    host = builders.host_state("h", builders.a_host())
    assert known.look([host])[0] is not None
    host.stats[base.KEY] = host.stats[base.KEY][:-1]
    assert known.look([host]) == [None]


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_MOST_HOSTS", 5)
    monkeypatch.setattr(views, "_MOST_BASES", 3)
    known = views.Views()
    hosts = [
        builders.host_state(f"h{n}", builders.a_host(kernel=str(n)))
        for n in range(20)
    ]
    assert all(known.look(hosts))
    assert len(known._hosts) <= 5 and len(known._bases) <= 3


def test_hosts_without_uuid_are_not_mixed_up() -> None:
    known = views.Views()
    one = builders.host_state("a", builders.a_host())
    two = builders.host_state("b", builders.a_host(kernel="7.0"))
    one.uuid = two.uuid = None
    first, second = known.look([one, two])
    assert first is not None and second is not None
    assert second.base.facts.kernel == "7.0"
    again, _ = known.look([one, two])
    assert again is not None and again.base.facts.kernel == "6.12.41"
