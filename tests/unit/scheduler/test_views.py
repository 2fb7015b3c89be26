"""Strings are decoded once, shared, and never mistaken."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.facts import base, codec, now
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.scheduler import views
from nova_livemig_gpu.scheduler.table import Table
from tests import builders_facts as builders


def test_unchanged_strings_are_decoded_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = views.Views()
    first = known.look([builders.host_state("h", builders.a_host())])
    monkeypatch.setattr(now, "decode", None)
    again = known.look([builders.host_state("h", builders.a_host())])
    assert first.bases[0] is not None and again is first


def test_equal_hosts_share_a_base() -> None:
    known = views.Views()
    table = known.look(
        [
            builders.host_state("a", builders.a_host()),
            builders.host_state("b", builders.a_host(migrations_in=3)),
        ]
    )
    one, two = table.bases
    assert one is not None and one is two
    assert [load.running_in for load in table.loads if load] == [0, 3]


def test_different_bases_share_their_parts() -> None:
    known = views.Views()
    table = known.look(
        [
            builders.host_state("a", builders.a_host()),
            builders.host_state("b", builders.a_host(kernel="7.0")),
        ]
    )
    one, two = table.bases
    assert one is not None and two is not None and one is not two
    assert one.models[0] is two.models[0]
    assert one.facts.cpu is two.facts.cpu


def test_a_host_that_becomes_garbage_is_unknown() -> None:
    known = views.Views()
    host = builders.host_state("h", builders.a_host())
    assert known.look([host]).bases[0] is not None
    host.stats[now.KEY] = host.stats[now.KEY][:-1]
    assert known.look([host]).bases == [None]
    assert known.look([host]).totals == [b""]
    assert known.look([host]).loads == [None]


def test_a_base_is_known_by_its_digest() -> None:
    """What stands in the long string changes nothing: the short one names
    the content. Who does not know it yet needs the long one, unharmed."""
    known = views.Views()
    host = builders.host_state("h", builders.a_host())
    (before,) = known.look([host]).bases
    host.stats[base.KEY] = host.stats[base.KEY][:-1]
    (after,) = known.look([host]).bases
    assert after is before is not None
    assert views.Views().look([host]).bases == [None]


def test_a_base_of_another_digest_is_not_taken() -> None:
    host = builders.host_state("h", builders.a_host())
    other = builders.host_state("o", builders.a_host(kernel="7.0"))
    host.stats[base.KEY] = other.stats[base.KEY]
    known = views.Views()
    assert known.look([host]).bases == [None]
    # Nor when it has been read before, for another host or for this one.
    (found,) = known.look([other]).bases
    assert found is not None
    assert known.look([host]).bases == [None]


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_MOST_HOSTS", 5)
    monkeypatch.setattr(views, "_MOST_BASES", 3)
    known = views.Views()
    hosts = [
        builders.host_state(f"h{n}", builders.a_host(kernel=str(n)))
        for n in range(20)
    ]
    assert all(known.look(hosts).bases)
    assert len(known._hosts) <= 5 and len(known._bases) <= 3


def test_hosts_without_uuid_are_not_mixed_up() -> None:
    known = views.Views()
    one = builders.host_state("a", builders.a_host())
    two = builders.host_state("b", builders.a_host(kernel="7.0"))
    one.uuid = two.uuid = None
    first, second = known.look([one, two]).bases
    assert first is not None and second is not None
    assert second.facts.kernel == "7.0"
    again, _ = known.look([one, two]).bases
    assert again is not None and again.facts.kernel == "6.12.41"


def _host(number: int, left: int, link_mbps: int) -> HostFacts:
    gpu = builders.a_gpu(types=(builders.a_type(1, creatable=left),))
    return builders.a_host(
        gpus=(gpu,), kernel=f"6.{number % 2}", link_mbps=link_mbps
    )


_CHANGES = st.lists(
    st.tuples(
        st.integers(0, 3),  # which host
        st.one_of(
            st.none(),  # its stats are gone
            st.tuples(st.integers(0, 3), st.integers(1, 3)),
        ),
    ),
    max_size=4,
)


@given(st.lists(st.tuples(_CHANGES, st.permutations(range(4))), max_size=5))
def test_whatever_changes_between_requests_is_seen(
    requests: list[tuple[list[Any], list[int]]],
) -> None:
    """A warm cache tells what an empty one tells, in any order of hosts, and
    what it told before stays as it was."""
    warm = views.Views()
    hosts = [builders.host_state(f"h{n}", _host(n, 1, 1000)) for n in range(4)]
    told = []
    for changes, order in requests:
        for at, change in changes:
            if change is None:
                hosts[at].stats = {}
            else:
                left, link = change
                facts = _host(at + left, left, link * 1000)
                hosts[at].stats = codec.encode(facts)
        asked = [hosts[at] for at in order]
        told.append((warm.look(asked), _plain(views.Views().look(asked))))
        assert [_plain(table) for table, _ in told] == [p for _, p in told]


def _plain(table: Table) -> list[Any]:
    kernels = [each and each.facts.kernel for each in table.bases]
    return [kernels, list(table.totals), list(table.loads)]
