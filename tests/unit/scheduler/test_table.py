"""Columns say of each host what it says of itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.scheduler.cpu_filter import CPUCompatibilityFilter
from nova_livemig_gpu.scheduler.needs import StunNeeds
from nova_livemig_gpu.scheduler.table import Table
from nova_livemig_gpu.scheduler.vgpu_filter import VGPUCompatibilityFilter
from tests import builders_facts as builders

ROOMS: list[Any] = [
    {"creatable": 0},
    {"creatable": 2},
    {"creatable": 1, "or_more": True},
    {"creatable": None},
]


def a_host(
    room: int, link_mbps: int | None, gpus: int, cpu: bool
) -> HostFacts:
    types = (builders.a_type(1, **ROOMS[room]), builders.a_type(2))
    return builders.a_host(
        gpus=tuple(
            builders.a_gpu(f"0000:0{number}:00.0", types=types)
            for number in range(gpus)
        ),
        link_mbps=link_mbps,
        cpu=builders.a_cpu(vendor="Intel" if cpu else "AMD"),
    )


HOSTS = st.one_of(
    st.none(),
    st.builds(
        a_host,
        st.integers(0, 3),
        st.sampled_from([None, 1_000, 25_000]),
        st.integers(0, 2),
        st.booleans(),
    ),
)


def views(hosts: list[HostFacts | None]) -> list[Any]:
    return [None if each is None else builders.view(each) for each in hosts]


@pytest.mark.parametrize(
    "kind", [CPUCompatibilityFilter, VGPUCompatibilityFilter]
)
@given(st.lists(HOSTS, max_size=5), st.integers(1, 3), st.booleans())
def test_together_hosts_are_judged_as_each_alone(
    kind: Any, hosts: list[HostFacts | None], count: int, stunned: bool
) -> None:
    needs = builders.needs(
        vgpus=builders.gpu_needs(builders.a_gpu(), count).vgpus,
        stun=StunNeeds(900.0, 1000, 25_000) if stunned else None,
    )
    whole = Table.of(views(hosts))
    together = kind().judge(needs, Rules())(whole)
    alone = [
        kind().judge(needs, Rules())(Table.of([view]))[0]
        for view in views(hosts)
    ]
    assert together == alone


@given(st.lists(HOSTS, max_size=5), st.data())
def test_rows_are_chosen_and_replaced(
    hosts: list[HostFacts | None], data: st.DataObject
) -> None:
    rows = views(hosts)
    table = Table.of(rows)
    chosen = data.draw(
        st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))
    )
    numbers = [at for at, is_chosen in enumerate(chosen) if is_chosen]
    wanted = plain(Table.of([rows[at] for at in numbers]))
    assert plain(table.only(chosen)) == plain(table.pick(numbers)) == wanted
    if rows:
        other = table.copy()
        other.put(0, None)
        assert plain(other) == plain(Table.of([None, *rows[1:]]))
    assert plain(table) == plain(Table.of(rows))


def plain(table: Table) -> Any:
    return table.bases, table.totals, table.loads
