"""Whatever of ours fails, each overridden method is Nova's own.

What the driver calls of its parts is read from its source, so that a call
that is added is tested, too.
"""

import ast
import contextlib
import inspect
from types import SimpleNamespace
from typing import Any

import eventlet
import greenlet
import pytest
from nova import exception
from nova.virt.libvirt import driver as libvirt_driver

from nova_livemig_gpu.exception import MigrationRefused
from nova_livemig_gpu.virt import driver as module
from nova_livemig_gpu.virt import hostchecks, service
from nova_livemig_gpu.virt.driver import LibvirtDriver
from nova_livemig_gpu.virt.proxies import AttendedGuest
from nova_livemig_gpu.virt.waiting import AbortedWaiting

OVERRIDES = (
    "init_host",
    "emit_event",
    "cleanup_host",
    "check_can_live_migrate_destination",
    "check_source_migrate_data_at_dest",
    "check_can_live_migrate_source",
    "destroy",
    "power_off",
    "rollback_live_migration_at_source",
    "rollback_live_migration_at_destination",
    "post_live_migration_at_source",
    "post_live_migration_at_destination",
    "get_available_resource",
    "update_provider_tree",
    "live_migration_abort",
    "live_migration_force_complete",
    "_live_migration",
    "_live_migration_operation",
    "_live_migration_monitor",
)
RETURNING = (
    "check_can_live_migrate_destination",
    "check_source_migrate_data_at_dest",
    "check_can_live_migrate_source",
    "get_available_resource",
)
CONTEXTS = ("departure", "turn", "aborting", "operation", "claiming")
#: Names of variables that hold something of ours.
OWN = ("session", "departure", "place", "service")
PARTS = (
    "_arrivals",
    "_checks",
    "_interrupted",
    "_mdevs",
    "_outbound",
    "_publisher",
    "_steering",
)


def _calls() -> list[str]:
    """Return "part.method" of everything that is called, or handed to
    somebody who calls it."""
    tree = ast.parse(inspect.getsource(module))
    found = {"hostchecks.claiming"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value
        if isinstance(owner, ast.Name) and owner.id in OWN:
            found.add(f"{owner.id}.{node.attr}")
        if isinstance(owner, ast.Attribute) and owner.attr in PARTS:
            found.add(f"{owner.attr}.{node.attr}")
    values = {"session.instance", "session.failed", "departure.watched"}
    of_constructor = {
        "_steering.arrivals",
        "service.make",
        "_steering.running",
        "_steering.stun_of",
        "_publisher.facts",
    }
    return sorted(found - values - of_constructor)


CALLS = _calls()
FAULTS = [
    (call, when)
    for call in CALLS
    for when in (
        ("called", "entered", "left")
        if call.split(".")[1] in CONTEXTS
        else ("called",)
    )
]


class Fault(Exception):
    """Of ours."""


class Boom(Exception):
    """Of Nova's own method."""


class Parts:
    """The parts of a driver, one call of which fails."""

    def __init__(
        self, call: str, when: str, error: BaseException, steered: bool = True
    ) -> None:
        self.call, self.when, self.error = call, when, error
        self.failed = False
        self.made = {
            "session": SimpleNamespace(
                instance=SimpleNamespace(uuid="u1"), failed=True
            ),
            "departure": SimpleNamespace(watched=False),
        }
        session = self.made["session"] if steered else None
        self.answers = {
            "_steering.find": lambda *args: session,
            "_steering.begin": lambda *args: session,
            "_mdevs.hold": lambda *args: ("m1",),
            "_outbound.find": lambda *args: self.made["departure"],
            "_outbound.give_up": lambda *args: False,
            "departure.keep_force": lambda *args: False,
            "_publisher.stats": lambda *args: {"livemig_gpu": "1"},
            "_publisher.traits": set,
            "session.noting": lambda post: post,
            "session.planned": lambda guest: guest,
            "session.steer": lambda job, guest, clock: job(session) or guest,
            "_checks.check_budget": lambda instance, preflight: preflight(),
        }
        for call_ in CALLS:
            owner, name = call_.split(".")
            thing = self.made.setdefault(owner, SimpleNamespace())
            setattr(thing, name, self._method(call_))

    def _method(self, call: str) -> Any:
        def method(*args: Any) -> Any:
            if call.split(".")[1] in CONTEXTS:
                return self._context(call)
            self._fail(call, "called")
            return self.answers.get(call, lambda *args: None)(*args)

        def context(*args: Any) -> Any:
            self._fail(call, "called")
            return self._context(call)

        return context if call.split(".")[1] in CONTEXTS else method

    @contextlib.contextmanager
    def _context(self, call: str) -> Any:
        self._fail(call, "entered")
        try:
            values = {"turn": "place", "departure": "departure"}
            yield self.made.get(values.get(call.split(".")[1], ""))
        finally:
            self._fail(call, "left")

    def _fail(self, call: str, when: str) -> None:
        if (self.call, self.when) == (call, when):
            self.failed = True
            raise self.error


class Stock:
    """Nova's method, and what it was called with."""

    def __init__(self, result: Any) -> None:
        self.result, self.calls = result, []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((args, kwargs))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class Tree:
    def data(self, node: str) -> Any:
        return SimpleNamespace(traits={"HW_CPU_X86_AVX"})

    def update_traits(self, node: str, traits: set[str]) -> None:
        pass


def arguments(name: str) -> list[Any]:
    """Return one of its own for each parameter."""
    parameters = list(
        inspect.signature(getattr(LibvirtDriver, name)).parameters
    )
    special = {
        "instance": SimpleNamespace(uuid="u1"),
        "provider_tree": Tree(),
        "migrate_data": SimpleNamespace(migration=object()),
        "post_method": lambda: None,
        "recover_method": lambda *args, **kwargs: pytest.fail("rolled back"),
    }
    return [special.get(each, f"<{each}>") for each in parameters[1:]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run_it(
        name: str, parts: Parts, result: Any, args: list[Any] | None = None
    ) -> tuple[Stock, list[Any], LibvirtDriver, Any]:
        stock = Stock(result)
        monkeypatch.setattr(
            libvirt_driver.LibvirtDriver,
            name,
            lambda self, *args, **kwargs: stock(*args, **kwargs),
        )
        monkeypatch.setattr(
            hostchecks, "claiming", parts.made["hostchecks"].claiming
        )
        monkeypatch.setattr(
            service, "look_at_modes", parts.made["service"].look_at_modes
        )
        driver = object.__new__(LibvirtDriver)
        driver._service = object()
        driver.instance_claimed_mdevs = {"other": ["m2"]}
        driver.active_migrations = {}
        driver._host = object()
        driver._live_migration_data_gb = lambda *args: 1.0
        for each in PARTS:
            setattr(driver, each, parts.made[each])
        args = arguments(name) if args is None else args
        try:
            found = getattr(driver, name)(*args)
        except Boom as exc:
            found = exc
        return stock, args, driver, found

    return run_it


def passed(stock: Stock) -> list[Any]:
    ((args, kwargs),) = stock.calls
    return [
        each._guest if isinstance(each, AttendedGuest) else each
        for each in (*args, *kwargs.values())
    ]


ANY = pytest.mark.parametrize(
    ("call", "when"), [("nothing.at_all", "called"), *FAULTS]
)
STEERED = pytest.mark.parametrize("steered", [True, False])


@ANY
@STEERED
def test_novas_method_runs_once_as_it_was_called(
    call: str, when: str, steered: bool, run: Any, caplog: Any
) -> None:
    for name in OVERRIDES:
        parts = Parts(call, when, Fault("ours"), steered)
        result = {"of": "Nova"}
        caplog.clear()
        stock, args, driver, found = run(name, parts, result)
        assert found is (result if name in RETURNING else None)
        assert passed(stock) == args
        errors = [r for r in caplog.records if r.levelname == "ERROR"]
        assert bool(errors) == parts.failed
        assert all(r.exc_info and r.exc_info[0] is Fault for r in errors)
        assert driver.instance_claimed_mdevs == {"other": ["m2"]}


@ANY
@STEERED
def test_what_novas_method_raises_is_passed_on(
    call: str, when: str, steered: bool, run: Any
) -> None:
    boom = Boom("Nova's")
    for name in OVERRIDES:
        parts = Parts(call, when, Fault("ours"), steered)
        stock, args, _, found = run(name, parts, boom)
        assert found is boom
        assert passed(stock) == args


@ANY
@STEERED
@pytest.mark.parametrize(
    "error", [greenlet.GreenletExit(), eventlet.Timeout(None)]
)
def test_who_is_killed_or_out_of_time_is_not_held_up(
    call: str, when: str, steered: bool, error: BaseException, run: Any
) -> None:
    for name in OVERRIDES:
        parts = Parts(call, when, error, steered)
        raised = None
        try:
            run(name, parts, None)
        except BaseException as exc:
            raised = exc
        assert raised is (error if parts.failed else None)


def test_every_call_is_made_by_some_method(run: Any) -> None:
    """Else it is not tested here."""
    left = set(FAULTS)
    for call, when in FAULTS:
        for name in OVERRIDES:
            for steered, result in ((True, {}), (False, {}), (True, Boom())):
                parts = Parts(call, when, Fault("ours"), steered)
                run(name, parts, result)
                if parts.failed:
                    left.discard((call, when))
    # Where a migration is given up, below.
    assert left == {
        ("_steering.withdrawn", "called"),
        ("session.withdrawn", "called"),
    }


# ---- what is meant by an exception is no fault


def test_events_of_a_driver_that_has_become_novas_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nova's Host holds our method: it was made before our parts."""
    told = []
    monkeypatch.setattr(
        libvirt_driver.LibvirtDriver,
        "emit_event",
        lambda self, event: told.append(event),
    )
    driver = object.__new__(LibvirtDriver)
    handler = driver.emit_event
    driver.__class__ = libvirt_driver.LibvirtDriver
    handler("event")
    assert told == ["event"]


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("check_can_live_migrate_destination", "_checks.check_host"),
        ("check_source_migrate_data_at_dest", "_checks.check_vgpus"),
        ("check_can_live_migrate_source", "_checks.check_budget"),
    ],
)
def test_a_refusal_refuses(
    name: str, call: str, run: Any, caplog: Any
) -> None:
    refusal = exception.MigrationPreCheckError(reason="not here")
    with pytest.raises(exception.MigrationPreCheckError):
        run(name, Parts(call, "called", refusal), "data")
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


@pytest.mark.parametrize(
    ("call", "when", "error", "status"),
    [
        ("_outbound.turn", "entered", AbortedWaiting(), "cancelled"),
        ("_steering.begin", "called", AbortedWaiting(), "cancelled"),
        ("place.check", "called", AbortedWaiting(), "cancelled"),
        ("_steering.begin", "called", MigrationRefused(reason="x"), "failed"),
    ],
)
def test_who_must_not_go_is_rolled_back(
    call: str, when: str, error: Exception, status: str, run: Any
) -> None:
    told = []
    args = arguments("_live_migration")
    args[4] = lambda *args, **kwargs: told.append(kwargs)
    stock, *_ = run("_live_migration", Parts(call, when, error), None, args)
    assert stock.calls == []
    assert told == [{"migration_status": status}]


@pytest.mark.parametrize("fault", ["_steering", "session"])
def test_whoever_cannot_be_told_is_rolled_back(
    fault: str, run: Any, caplog: Any
) -> None:
    told = []
    args = arguments("_live_migration")
    args[4] = lambda *args, **kwargs: told.append(kwargs)
    parts = Parts("place.check", "called", AbortedWaiting())
    parts.made[fault].withdrawn = lambda *args: 1 / 0
    run("_live_migration", parts, None, args)
    assert told == [{"migration_status": "cancelled"}]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("begun", [False, True])
def test_whose_guest_is_not_there_is_rolled_back(
    begun: bool, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nova's ``_live_migration`` looks for it before all else."""
    told = []
    args = arguments("_live_migration")
    args[4] = lambda *args, **kwargs: told.append(kwargs)
    gone = exception.InstanceNotFound(instance_id="u1")
    parts = Parts("nothing.at_all", "called", Fault())
    if begun:
        monkeypatch.setattr(LibvirtDriver, "_never_began", lambda *args: False)
        with pytest.raises(exception.InstanceNotFound):
            run("_live_migration", parts, gone, args)
        assert told == []
        return
    run("_live_migration", parts, gone, args)
    assert told == [{"migration_status": "failed"}]


@pytest.mark.parametrize("steered", [False, True])
def test_what_has_left_is_not_rolled_back(
    steered: bool, monkeypatch: pytest.MonkeyPatch, run: Any
) -> None:
    """An error of the operation of a server that has left: Nova's
    ``_live_migration`` wants to abort, and finds no guest."""
    parts = Parts("nothing.at_all", "called", Fault(), steered)
    gone = exception.InstanceNotFound(instance_id="u1")

    def concluded(driver: Any, *args: Any) -> None:
        driver._live_migration_monitor(*arguments("_live_migration_monitor"))
        raise gone

    stock = libvirt_driver.LibvirtDriver
    *_, driver, _ = run("_live_migration", parts, None)
    monkeypatch.setattr(stock, "_live_migration", concluded)
    monkeypatch.setattr(stock, "_live_migration_monitor", lambda *args: None)
    with pytest.raises(exception.InstanceNotFound):
        driver._live_migration(*arguments("_live_migration"))


@pytest.mark.parametrize("ours", [False, True])
def test_a_rollback_goes_on_without_a_guest(ours: bool, run: Any) -> None:
    gone = exception.InstanceNotFound(instance_id="u1")
    parts = Parts("nothing.at_all", "called", Fault())
    if ours:
        run("rollback_live_migration_at_source", parts, gone)
        return
    parts.answers["_outbound.find"] = lambda *args: None
    with pytest.raises(exception.InstanceNotFound):
        run("rollback_live_migration_at_source", parts, gone)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("live_migration_abort", "_outbound.give_up"),
        ("live_migration_force_complete", "departure.keep_force"),
    ],
)
def test_what_is_kept_is_not_asked_of_nova(
    name: str, call: str, run: Any
) -> None:
    parts = Parts("nothing.at_all", "called", Fault())
    parts.answers[call] = lambda *args: True
    stock, *_ = run(name, parts, None)
    assert stock.calls == []


class Unset:
    """As a versioned object whose field was never set."""

    @property
    def migration(self) -> Any:
        raise NotImplementedError("Cannot load 'migration' in the base class")


def test_a_migration_that_nova_does_not_record_is_novas(
    run: Any, caplog: Any
) -> None:
    args = arguments("_live_migration")
    args[6] = Unset()
    parts = Parts("nothing.at_all", "called", Fault())
    stock, *_ = run("_live_migration", parts, None, args)
    assert passed(stock) == args
    assert "Cannot load 'migration'" in caplog.text


def test_an_error_that_nova_would_raise_is_raised(run: Any) -> None:
    """Of the operation's thread, of a server that has left."""
    parts = Parts("nothing.at_all", "called", Fault())
    boom = Boom("post")
    parts.made["_steering"].operation_error = lambda session: boom
    stock, _, _, found = run("_live_migration_monitor", parts, None)
    assert found is boom and len(stock.calls) == 1
