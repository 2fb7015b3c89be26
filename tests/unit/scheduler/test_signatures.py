"""What filters and weigher rely on of Nova, release by release."""

import ast

import pytest

from tests import nova_sources
from tests.unit.virt.test_signatures import function, parameters, untyped

#: (file, class, function) -> parameters as they are written
SIGNATURES = {
    ("filters.py", "BaseFilter", "filter_all"): (
        "self, filter_obj_list, spec_obj"
    ),
    ("scheduler/filters/__init__.py", "BaseHostFilter", "host_passes"): (
        "self, host_state, filter_properties"
    ),
    ("weights.py", "BaseWeigher", "weigh_objects"): (
        "self, weighed_obj_list, weight_properties"
    ),
    ("weights.py", "BaseWeigher", "weight_multiplier"): "self, host_state",
    ("weights.py", "BaseWeigher", "_weigh_object"): (
        "self, obj, weight_properties"
    ),
    ("scheduler/utils.py", None, "get_weight_multiplier"): (
        "host_state, multiplier_name, multiplier_config"
    ),
    ("context.py", None, "target_cell"): "context, cell_mapping",
    ("context.py", "RequestContext", "elevated"): "self, read_deleted=None",
    ("objects/instance.py", "Instance", "get_by_uuid"): (
        "cls, context, uuid, expected_attrs=None, use_slave=False"
    ),
    (
        "objects/instance_mapping.py",
        "InstanceMapping",
        "get_by_instance_uuid",
    ): "cls, context, instance_uuid",
    ("objects/compute_node.py", "ComputeNode", "get_by_host_and_nodename"): (
        "cls, context, host, nodename"
    ),
    ("objects/compute_node.py", "ComputeNodeList", "get_all"): "cls, context",
}

#: Words that must stand in a file: where the facts come from and go to.
WORDS = {
    "compute/task_states.py": (
        "MIGRATING = fields.InstanceTaskState.MIGRATING",
    ),
    "conductor/tasks/live_migrate.py": (
        "request_spec.ignore_hosts = attempted_hosts",
    ),
    "scheduler/manager.py": (
        "@messaging.expected_exceptions(exception.NoValidHost)",
    ),
    "scheduler/host_manager.py": ("self.stats = compute.stats or {}",),
    "compute/resource_tracker.py": (
        "stats.digest_stats(resources.get('stats'))",
    ),
}


@pytest.mark.parametrize(
    "where", SIGNATURES, ids=lambda where: f"{where[1]}.{where[2]}"
)
def test_signatures(release: str, where: tuple[str, str | None, str]) -> None:
    path, owner, name = where
    found = untyped(function(nova_sources.module(release, path), owner, name))
    assert parameters(found) == SIGNATURES[where]


@pytest.mark.parametrize("path", WORDS)
def test_words(release: str, path: str) -> None:
    text = (nova_sources.root(release) / "nova" / path).read_text()
    for words in WORDS[path]:
        assert words in text


def test_what_is_loaded_with_the_server(release: str) -> None:
    """INSTANCE_OPTIONAL_ATTRS, in its three parts."""
    names = {
        node.value
        for node in ast.walk(
            nova_sources.module(release, "objects/instance.py")
        )
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert {"flavor", "pci_devices", "system_metadata", "vcpu_model"} <= names
