"""What the scheduler hands to filters, without a database."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from nova import objects

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.scheduler import request as requests
from nova_livemig_gpu.scheduler.needs import ServerNeeds
from tests import builders_facts as builders

objects.register_all()

RULES = Rules()


def a_spec(
    ignore_hosts: list[str] | None = None, **extra_specs: str
) -> objects.RequestSpec:
    """A real RequestSpec; without ignore_hosts that of a boot."""
    spec = objects.RequestSpec(
        instance_uuid=builders.SERVER,
        ignore_hosts=ignore_hosts,
        flavor=objects.Flavor(
            extra_specs={
                key.replace("__", ":"): value
                for key, value in extra_specs.items()
            }
        ),
    )
    spec._context = Context()
    return spec


def migration(
    needs: ServerNeeds | None = None, rules: Rules = RULES
) -> objects.RequestSpec:
    """A RequestSpec of a live migration that was looked up already."""
    spec = a_spec(["source"])
    request = requests.Request(
        requests.Kind.LIVE_MIGRATION, rules, needs or builders.needs()
    )
    key = (spec.instance_uuid, ("source",))
    setattr(spec, requests._KEPT, (key, request))
    return spec


class Context:
    """Only of an administrator may the server be looked up."""

    def elevated(self) -> str:
        return "elevated"


class Cells:
    """Stands for ``server.in_its_cell``; counts."""

    def __init__(self, server: Any, cell: Any = "cell") -> None:
        self.server = server
        self.cell = cell
        self.asked = 0

    @contextlib.contextmanager
    def __call__(self, context: Any, uuid: str) -> Iterator[Any]:
        assert context == "elevated" and uuid == builders.SERVER
        self.asked += 1
        if isinstance(self.server, Exception):
            raise self.server
        yield self.cell, self.server


def a_server(**changes: Any) -> Any:
    """Stand for nova.objects.Instance."""
    whole: dict[str, Any] = {
        "uuid": builders.SERVER,
        "host": "source",
        "node": "source",
        "task_state": "migrating",
        "flavor": SimpleNamespace(extra_specs={}, memory_mb=2048),
        "pci_devices": [],
        "system_metadata": {"image_hw_machine_type": "q35"},
        "vcpu_model": None,
    }
    return SimpleNamespace(**{**whole, **changes})
