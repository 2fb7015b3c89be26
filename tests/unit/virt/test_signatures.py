"""What the driver relies on of Nova, release by release, by its sources."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import nova_livemig_gpu.virt
from tests import nova_sources

DRIVER = "virt/libvirt/driver.py"
MIGRATION = "virt/libvirt/migration.py"
GUEST = "virt/libvirt/guest.py"
HOST = "virt/libvirt/host.py"
ACTION = "objects/instance_action.py"
FLAVOR = "objects/flavor.py"
NODE = "objects/compute_node.py"
MANAGER = "compute/manager.py"

#: (file, class, function) -> parameters as they are written
SIGNATURES = {
    (DRIVER, "LibvirtDriver", "__init__"): "self, virtapi, read_only=False",
    (DRIVER, "LibvirtDriver", "get_available_resource"): "self, nodename",
    (DRIVER, "LibvirtDriver", "emit_event"): "self, event",
    (DRIVER, "LibvirtDriver", "_live_migration"): (
        "self, context, instance, dest, post_method, recover_method, "
        "block_migration, migrate_data"
    ),
    (DRIVER, "LibvirtDriver", "_live_migration_operation"): (
        "self, context, instance, dest, block_migration, migrate_data, "
        "guest, device_names"
    ),
    (DRIVER, "LibvirtDriver", "_live_migration_monitor"): (
        "self, context, instance, guest, dest, post_method, recover_method, "
        "block_migration, migrate_data, {finished}, disk_paths"
    ),
    (DRIVER, "LibvirtDriver", "_live_migration_data_gb"): (
        "self, instance, disk_paths"
    ),
    (DRIVER, "LibvirtDriver", "_clear_empty_migration"): "self, instance",
    (DRIVER, "LibvirtDriver", "_get_migration_flags"): (
        "self, is_block_migration"
    ),
    (DRIVER, "LibvirtDriver", "_get_vpmems"): "self, instance, prefix=None",
    (DRIVER, "LibvirtDriver", "live_migration_abort"): "self, instance",
    (DRIVER, "LibvirtDriver", "live_migration_force_complete"): (
        "self, instance"
    ),
    (MIGRATION, None, "run_tasks"): (
        "guest, instance, active_migrations, on_migration_failure, "
        "migration, is_post_copy_enabled"
    ),
    (MIGRATION, None, "run_recover_tasks"): (
        "host, guest, instance, on_migration_failure"
    ),
    (MIGRATION, None, "find_job_type"): "guest, instance, logging_ok=True",
    (MIGRATION, None, "trigger_postcopy_switch"): (
        "guest, instance, migration"
    ),
    (MIGRATION, None, "save_stats"): "instance, migration, info, remaining",
    (GUEST, "Guest", "migrate"): (
        "self, destination, migrate_uri=None, migrate_disks=None, "
        "destination_xml=None, flags=0, bandwidth=0{parallel}"
    ),
    (GUEST, "Guest", "get_job_info"): "self",
    (GUEST, "Guest", "abort_job"): "self",
    (GUEST, "Guest", "migrate_configure_max_downtime"): "self, mstime",
    (GUEST, "Guest", "migrate_start_postcopy"): "self",
    (GUEST, "Guest", "pause"): "self",
    (GUEST, "Guest", "get_xml_desc"): (
        "self, dump_inactive=False, dump_sensitive=False, "
        "dump_migratable=False"
    ),
    (GUEST, "JobInfo", "__init__"): "self, **kwargs",
    (HOST, "Host", "get_guest"): "self, instance",
    (HOST, "Host", "device_lookup_by_name"): "self, name",
    (DRIVER, "LibvirtDriver", "_get_mediated_devices"): "self, types=None",
    (DRIVER, "LibvirtDriver", "_get_all_assigned_mediated_devices"): (
        "self, instance=None"
    ),
    (DRIVER, "LibvirtDriver", "_get_vgpu_type_per_pgpu"): (
        "self, device_address"
    ),
    (HOST, "Host", "list_guests"): "self, only_running=True",
    (NODE, "ComputeNodeList", "get_all_by_host"): (
        "cls, context, host, use_slave=False"
    ),
    (MANAGER, "ComputeVirtAPI", "__init__"): "self, compute",
    (HOST, "Host", "get_connection"): "self",
    (HOST, "Host", "has_min_version"): (
        "self, lv_ver=None, hv_ver=None, hv_type=None"
    ),
    (ACTION, "InstanceActionEvent", "event_start"): (
        "cls, context, instance_uuid, event_name, want_result=True, host=None"
    ),
    (ACTION, "InstanceActionEvent", "event_finish"): (
        "cls, context, instance_uuid, event_name, want_result=True"
    ),
    (ACTION, "InstanceActionEvent", "event_finish_with_failure"): (
        "cls, context, instance_uuid, event_name, exc_val=None, "
        "exc_tb=None, want_result=None"
    ),
    (FLAVOR, "Flavor", "get_by_flavor_id"): (
        "cls, context, flavor_id, read_deleted=None"
    ),
}

#: What differs: the monitor's tenth argument, Guest.migrate(parallel=).
FINISHED = {
    "31.0.0": "finish_event",
    "32.0.0": "finish_event",
    "33.0.0": "future",
    "34.0.0": "future",
}
PARALLEL = {"33.0.0": ", parallel=0", "34.0.0": ", parallel=0"}

#: How LibvirtDriver._live_migration hands its work over.
OPERATION_CALL = (
    "context, instance, dest, block_migration, migrate_data, guest, "
    "device_names"
)
MONITOR_CALL = (
    "context, instance, guest, dest, post_method, recover_method, "
    "block_migration, migrate_data, {finished}, disk_paths"
)

OURS = Path(nova_livemig_gpu.virt.__file__).parent
OVERRIDDEN = (
    "__init__",
    "emit_event",
    "get_available_resource",
    "init_host",
    "cleanup_host",
    "check_can_live_migrate_destination",
    "update_provider_tree",
    "check_source_migrate_data_at_dest",
    "check_can_live_migrate_source",
    "destroy",
    "power_off",
    "rollback_live_migration_at_source",
    "rollback_live_migration_at_destination",
    "post_live_migration_at_source",
    "post_live_migration_at_destination",
    "live_migration_abort",
    "live_migration_force_complete",
    "_live_migration",
    "_live_migration_operation",
    "_live_migration_monitor",
)


def function(
    tree: ast.Module, owner: str | None, name: str
) -> ast.FunctionDef:
    """Return a function or a method; of several the last, as Python does."""
    body = tree.body
    if owner is not None:
        (body,) = (
            node.body
            for node in tree.body
            if isinstance(node, ast.ClassDef) and node.name == owner
        )
    found = [
        node
        for node in body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    assert found, f"{owner}.{name} does not exist"
    return found[-1]


def parameters(node: ast.FunctionDef) -> str:
    """Return the parameters without types and without line breaks."""
    bare = ast.parse(ast.unparse(node.args).join(("lambda ", ": 0"))).body[0]
    assert isinstance(bare, ast.Expr) and isinstance(bare.value, ast.Lambda)
    return ast.unparse(bare.value.args)


def untyped(node: ast.FunctionDef) -> ast.FunctionDef:
    arguments = node.args
    for each in (*arguments.args, *arguments.kwonlyargs):
        each.annotation = None
    for star in (arguments.vararg, arguments.kwarg):
        if star is not None:
            star.annotation = None
    return node


@pytest.mark.parametrize(
    "where", SIGNATURES, ids=lambda where: f"{where[1]}.{where[2]}"
)
def test_what_we_call_is_there(
    release: str, where: tuple[str, str | None, str]
) -> None:
    path, owner, name = where
    found = untyped(function(nova_sources.module(release, path), owner, name))
    expected = SIGNATURES[where].format(
        finished=FINISHED[release], parallel=PARALLEL.get(release, "")
    )
    assert parameters(found) == expected


def _inherited(release: str, name: str) -> ast.FunctionDef:
    """What super() finds: Nova 31 and 32 leave cleanup_host to the base."""
    if name == "cleanup_host" and release < "33":
        return function(
            nova_sources.module(release, "virt/driver.py"),
            "ComputeDriver",
            name,
        )
    return function(
        nova_sources.module(release, DRIVER), "LibvirtDriver", name
    )


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_our_overrides_have_novas_signature(release: str, name: str) -> None:
    """By position and name; the monitor's tenth argument has two names in
    Nova, so ours has a third, and Nova passes it by position (below)."""
    nova = untyped(_inherited(release, name))
    ours = untyped(function(_ours("driver.py"), "LibvirtDriver", name))
    expected = parameters(nova).split(", ")
    if name == "_live_migration_monitor":
        expected[9] = "finished"
        assert parameters(nova).split(", ")[9] == FINISHED[release]
    assert parameters(ours).split(", ") == expected


def test_no_other_method_of_nova_is_overridden() -> None:
    """A new override belongs into the table above."""
    (own,) = (
        node
        for node in _ours("driver.py").body
        if isinstance(node, ast.ClassDef) and node.name == "LibvirtDriver"
    )
    names = {n.name for n in own.body if isinstance(n, ast.FunctionDef)}
    nova = nova_sources.module("34.0.0", DRIVER)
    (stock,) = (
        node
        for node in nova.body
        if isinstance(node, ast.ClassDef) and node.name == "LibvirtDriver"
    )
    theirs = {n.name for n in stock.body if isinstance(n, ast.FunctionDef)}
    assert names & theirs == set(OVERRIDDEN)


def test_nova_passes_its_arguments_by_position(release: str) -> None:
    caller = function(
        nova_sources.module(release, DRIVER),
        "LibvirtDriver",
        "_live_migration",
    )
    operation = _handed_over(caller, "_live_migration_operation")
    assert operation == OPERATION_CALL.split(", ")
    monitor = _handed_over(caller, "_live_migration_monitor")
    expected = MONITOR_CALL.format(finished=FINISHED[release])
    assert monitor == expected.split(", ")


def test_the_operation_calls_migrate_as_the_proxy_expects(
    release: str,
) -> None:
    """``guest.migrate(uri, keyword=..., ...)``, ``flags`` among them."""
    operation = function(
        nova_sources.module(release, DRIVER),
        "LibvirtDriver",
        "_live_migration_operation",
    )
    (call,) = (
        node
        for node in ast.walk(operation)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "guest.migrate"
    )
    assert len(call.args) == 1
    assert {"flags", "bandwidth"} <= {word.arg for word in call.keywords}


def _text_of(release: str, path: str, owner: str | None, name: str) -> str:
    return ast.unparse(
        function(nova_sources.module(release, path), owner, name)
    )


def test_migrate_hands_its_parameters_to_libvirt_as_we_add_to_them(
    release: str,
) -> None:
    migrate = _text_of(release, GUEST, "Guest", "migrate")
    assert (
        "self._domain.migrateToURI3(destination, params=params, flags=flags)"
        in migrate
    )
    made = _text_of(release, GUEST, "Guest", "__init__")
    assert "self._domain = domain" in made


def test_how_nova_aborts_one_that_waits(release: str) -> None:
    """What ``virt.outbound`` puts there is taken out, then cancelled; a
    cancel() that says no leaves the rest to whoever runs."""
    abort = _text_of(
        release, MANAGER, "ComputeManager", "live_migration_abort"
    )
    taken = "migration, future = "
    taken += "self._waiting_live_migrations.pop(instance.uuid)"
    asked = "if future and future.cancel():"
    driver = "self.driver.live_migration_abort(instance)"
    assert abort.index(taken) < abort.index(asked) < abort.index(driver)
    assert "except KeyError:" in abort
    api = _text_of(release, MANAGER, "ComputeVirtAPI", "__init__")
    assert "self._compute = compute" in api


def test_how_a_migration_that_never_began_is_rolled_back(
    release: str,
) -> None:
    """As Nova's monitor does it, and by name."""
    monitor = _text_of(
        release, DRIVER, "LibvirtDriver", "_live_migration_monitor"
    )
    call = "recover_method(context, instance, dest, migrate_data"
    assert f"{call})" in monitor
    assert f"{call}, migration_status='cancelled')" in monitor


def test_what_nova_leaves_of_interrupted_migrations(release: str) -> None:
    """What ``virt.orphans`` mends, and by which means."""
    manager = nova_sources.module(release, MANAGER)

    def text(name: str) -> str:
        return ast.unparse(function(manager, "ComputeManager", name))

    start = text("init_host")
    assert start.index("driver.init_host(") < start.index("_init_instance(")
    reset = text("_reset_live_migration")
    assert "get_by_instance_and_status(context, instance.uuid, 'running')" in (
        reset
    )
    for name, taken in (
        ("_revert_allocation", "self, context, instance, migration"),
        ("_live_migration_cleanup_flags", "self, migrate_data, migr_ctxt"),
    ):
        found = parameters(untyped(function(manager, "ComputeManager", name)))
        assert found.startswith(taken)
    back = text("_rollback_live_migration")
    assert (
        "self.compute_rpcapi.rollback_live_migration_at_destination(context, "
        "instance, dest, destroy_disks=destroy_disks, "
        "migrate_data=migrate_data)" in back
    )
    assert (
        "self.network_api.setup_networks_on_host(context, instance, "
        "host=dest, teardown=True)" in back
    )
    # The destination's driver is content without migrate_data.
    there = _text_of(
        release,
        DRIVER,
        "LibvirtDriver",
        "rollback_live_migration_at_destination",
    )
    assert "if migrate_data:" in there
    assert "self.instance_claimed_mdevs.pop(instance.uuid, None)" in there


def test_the_order_of_novas_rollback(release: str) -> None:
    """``virt.rollback``: the server is saved last, then the status."""
    back = _text_of(
        release, MANAGER, "ComputeManager", "_rollback_live_migration"
    )
    saved = "instance.save(expected_task_state=[task_states.MIGRATING])"
    status = "self._set_migration_status(migration, migration_status)"
    there = "rollback_live_migration_at_destination("
    assert back.index(there) < back.index(saved) < back.index(status)


def test_nova_looks_for_the_guest_before_all_else(release: str) -> None:
    begin = function(
        nova_sources.module(release, DRIVER),
        "LibvirtDriver",
        "_live_migration",
    )
    assert ast.unparse(begin.body[1]) == (
        "guest = self._host.get_guest(instance)"
    )


def test_novas_lock_around_its_mediated_devices(release: str) -> None:
    tree = nova_sources.module(release, DRIVER)
    assert "VGPU_RESOURCE_SEMAPHORE = 'vgpu_resources'" in ast.unparse(tree)
    utils = ast.unparse(nova_sources.module(release, "utils.py"))
    assert "lockutils.synchronized_with_prefix('nova-')" in utils
    claims = _text_of(
        release, DRIVER, "LibvirtDriver", "check_source_migrate_data_at_dest"
    )
    assert "self.instance_claimed_mdevs[instance.uuid] = dst_mdevs" in claims


def test_a_job_that_is_none_is_untangled_by_the_finished_argument(
    release: str,
) -> None:
    """The release adapters ask it the same question as Nova's monitor."""
    asked = {
        "31.0.0": "finish_event.ready()",
        "32.0.0": "finish_event.is_set()",
        "33.0.0": "future.done()",
        "34.0.0": "future.done()",
    }
    monitor = function(
        nova_sources.module(release, DRIVER),
        "LibvirtDriver",
        "_live_migration_monitor",
    )
    assert asked[release] in ast.unparse(monitor)


def test_which_release_raises_the_operations_error(release: str) -> None:
    adapter = _ours(f"releases/nova{release.split('.')[0]}.py")
    caller = function(
        nova_sources.module(release, DRIVER),
        "LibvirtDriver",
        "_live_migration",
    )
    raises = "future.result()" in ast.unparse(caller)
    assert f"raises_operation_error={raises}" in ast.unparse(adapter)


def _calls_of_nova() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield each call in our virt package of a function of a Nova module
    that is imported by ``from nova.x import y as z``."""
    for path in sorted(OURS.rglob("*.py")):
        tree = ast.parse(path.read_text())
        aliases = {
            name.asname or name.name: f"{node.module}.{name.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith("nova.")
            for name in node.names
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            func = node.func
            if not isinstance(func, ast.Attribute):
                continue
            if not isinstance(func.value, ast.Name):
                continue
            if func.value.id in aliases:
                yield aliases[func.value.id], func.attr, node


def test_our_calls_of_novas_modules_are_in_the_table() -> None:
    """So that none is relied on unseen, and each passes enough."""
    known = {
        (path.removesuffix(".py").replace("/", "."), owner or name): text
        for (path, owner, name), text in SIGNATURES.items()
        if owner is None or name == "__init__"
    }
    seen = 0
    for module, name, call in _calls_of_nova():
        key = (module.removeprefix("nova."), name)
        assert key in known, f"{module}.{name} is called but not checked"
        words = [w.removeprefix("self") for w in known[key].split(", ")]
        names = [word for word in words if word]
        required = [n for n in names if "=" not in n and n[0] != "*"]
        given = len(call.args) + len(call.keywords)
        assert len(required) <= given, ast.unparse(call)
        assert given <= len(names) or "**kwargs" in names
        seen += 1
    assert seen >= 5


def _handed_over(caller: ast.FunctionDef, method: str) -> list[str]:
    """Return the arguments with which ``self.<method>`` is called, or is
    given to another thread."""
    wanted = f"self.{method}"
    for node in ast.walk(caller):
        if not isinstance(node, ast.Call):
            continue
        words = [ast.unparse(each) for each in node.args]
        if ast.unparse(node.func) == wanted:
            assert not node.keywords
            return words
        if wanted in words:
            assert not node.keywords
            return words[words.index(wanted) + 1 :]
    raise AssertionError(f"{wanted} is not used")


@functools.cache
def _text(path: str) -> str:
    return (OURS / path).read_text()


def _ours(path: str) -> ast.Module:
    return ast.parse(_text(path))
