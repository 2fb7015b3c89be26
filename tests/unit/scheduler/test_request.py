"""What kind of request it is, and what the look-ups cost."""

from typing import Any

import pytest

from nova_livemig_gpu.scheduler import request as requests
from nova_livemig_gpu.scheduler import server
from nova_livemig_gpu.scheduler.table import Table
from tests import builders_facts as builders
from tests.unit.scheduler.fakes import Cells, a_server, a_spec


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Cells:
    found = Cells(a_server())
    monkeypatch.setattr(server, "in_its_cell", found)
    monkeypatch.setattr(server, "needs_of", lambda *_: builders.needs())
    return found


def test_a_boot_asks_no_database(cells: Cells) -> None:
    assert requests.find(a_spec()) is None
    assert cells.asked == 0


def test_an_unset_field_is_a_boot(cells: Cells) -> None:
    spec = a_spec()
    delattr(spec, "_obj_ignore_hosts")
    assert requests.find(spec) is None
    assert cells.asked == 0


def test_a_live_migration_asks_once(cells: Cells) -> None:
    spec = a_spec(["source"])
    first = requests.find(spec)
    assert first is not None
    assert first.needs == builders.needs()
    assert requests.find(spec) is first
    assert cells.asked == 1


def test_the_conductors_next_try_asks_again(cells: Cells) -> None:
    spec = a_spec(["source"])
    first = requests.find(spec)
    spec.ignore_hosts = ["source", "tried"]
    assert requests.find(spec) is not first
    assert cells.asked == 2


@pytest.mark.parametrize(
    "state", ["resize_prep", "rebuilding", "rebuild_spawning", None]
)
def test_other_requests(cells: Cells, state: str | None) -> None:
    cells.server = a_server(task_state=state)
    spec = a_spec(["source"])
    assert requests.find(spec) is None
    assert requests.find(spec) is None
    assert cells.asked == 1


def test_a_server_in_no_cell_or_gone(cells: Cells) -> None:
    cells.server = None
    assert requests.find(a_spec(["source"])) is None
    cells.cell = None
    assert requests.find(a_spec(["source"])) is None


@pytest.mark.parametrize(
    ("specs", "vgpus"), [({}, ()), ({"resources__VGPU": "1"}, None)]
)
def test_without_a_database_all_is_unknown(
    cells: Cells,
    caplog: pytest.LogCaptureFixture,
    specs: dict[str, str],
    vgpus: Any,
) -> None:
    cells.server = OSError("no database")
    for _ in range(2):
        found = requests.find(a_spec(["source"], **specs))
        assert found is not None and found.needs is not None
        assert found.needs.cpu is None and found.needs.vgpus == vgpus
        assert "OSError" in found.needs.cpu_unknown
    errors = [r for r in caplog.records if r.levelname == "ERROR"]
    assert len(errors) <= 1


def test_facts_of_hosts_are_kept_for_the_next_filter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []

    def look(hosts: list[Any]) -> Any:
        looked.append(len(hosts))
        bases: list[Any] = [host.upper() for host in hosts]
        return Table(bases, [b""] * len(hosts), [None] * len(hosts))

    monkeypatch.setattr(requests.VIEWS, "look", look)
    request = requests.Request(requests.Kind.LIVE_MIGRATION, requests.Rules())
    assert request.table(["a", "b", "c"]).bases == ["A", "B", "C"]
    assert request.table(["a", "b", "c"]).bases == ["A", "B", "C"]
    assert request.table(["c", "a"]).bases == ["C", "A"]
    assert looked == [3]
    assert request.table(["a", "d"]).bases == ["A", "D"]
    assert looked == [3, 2]
