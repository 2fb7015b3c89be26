"""The door, and what Nova's notifications become in the audit log."""

import ast
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg

from nova_livemig_gpu import conf, notify
from nova_livemig_gpu.migration.audit import AuditEvent
from tests import nova_sources

SERVER = "0e5ad7a9-11fa-4bb2-9b69-4ba0bfe0d97a"
CONTEXT = {
    "request_id": "req-1",
    "user_id": "alice",
    "project_id": "wonderland",
    "roles": ["admin"],
}
STAMP = "2026-11-21 08:00:00.123456"


def versioned(action, phase, publisher="src", host="src", **body):
    """As ``NotificationBase.emit`` gives it to oslo.messaging."""
    return {
        "message_id": "m",
        "priority": "INFO",
        "event_type": f"instance.live_migration_{action}.{phase}",
        "publisher_id": f"nova-compute:{publisher}",
        "timestamp": STAMP,
        "payload": {
            "nova_object.name": "InstanceActionPayload",
            "nova_object.data": {
                "uuid": SERVER,
                "display_name": "white-rabbit",
                "user_id": "owner",
                "tenant_id": "owners",
                "host": host,
                "fault": None,
                **body,
            },
        },
    }


def legacy(suffix, publisher="src", host="src", **body):
    """As ``notify_about_instance_usage`` gives it to oslo.messaging."""
    return {
        "message_id": "m",
        "priority": "INFO",
        "event_type": f"compute.instance.{suffix}",
        "publisher_id": f"compute.{publisher}",
        "timestamp": STAMP,
        "payload": {
            "instance_id": SERVER,
            "display_name": "white-rabbit",
            "user_id": "owner",
            "tenant_id": "owners",
            "host": host,
            **body,
        },
    }


def expected(action, phase, source, destination, **rest):
    return AuditEvent(
        event=f"instance.live_migration_{action}",
        phase=phase,
        time="2026-11-21T08:00:00.123456+00:00",
        request_id="req-1",
        user_id="alice",
        project_id="wonderland",
        server=SERVER,
        server_name="white-rabbit",
        source=source,
        destination=destination,
        **rest,
    )


#: action, its legacy name, who sends it, server's host, from, to, result
TABLE = [
    ("pre", "live_migration.pre", "start", "dst", "src", "src", "dst", None),
    ("pre", "live_migration.pre", "end", "dst", "src", "src", "dst", None),
    ("post", "live_migration._post", "start", "src", "src", "src", None, None),
    (
        *("post", "live_migration._post", "end", "src", "src"),
        *("src", None, "completed"),
    ),
    (
        *("post", "live_migration._post", "end", "src", "dst"),
        *("src", "dst", "completed"),
    ),
    (
        *("post_dest", "live_migration.post.dest", "start", "dst", "src"),
        *("src", "dst", None),
    ),
    (
        *("post_dest", "live_migration.post.dest", "end", "dst", "dst"),
        *(None, "dst", None),
    ),
    (
        *("rollback", "live_migration._rollback", "start", "src", "src"),
        *("src", None, None),
    ),
    (
        *("rollback", "live_migration._rollback", "end", "src", "src"),
        *("src", None, "rolled_back"),
    ),
    (
        *("rollback_dest", "live_migration.rollback.dest", "start"),
        *("dst", "src", "src", "dst", None),
    ),
    (
        *("rollback_dest", "live_migration.rollback.dest", "end"),
        *("dst", "src", "src", "dst", None),
    ),
    (
        *("abort", "live.migration.abort", "start", "src", "src"),
        *("src", None, None),
    ),
    (
        *("abort", "live.migration.abort", "end", "src", "src"),
        *("src", None, None),
    ),
    (
        *("force_complete", "live.migration.force.complete", "start"),
        *("src", "src", "src", None, None),
    ),
    (
        *("force_complete", "live.migration.force.complete", "end"),
        *("src", "src", "src", None, None),
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}.{row[2]}")
def test_every_notification_in_both_forms(row):
    action, old, phase, sender, host, source, destination, result = row
    right = expected(action, phase, source, destination, result=result)
    new_form = versioned(action, phase, sender, host)
    assert notify.to_event(CONTEXT, new_form) == right
    old_form = legacy(f"{old}.{phase}", sender, host)
    assert notify.to_event(CONTEXT, old_form) == right


def test_a_fault_is_the_reason():
    fault = {
        "nova_object.name": "ExceptionPayload",
        "nova_object.data": {
            "exception": "MigrationError",
            "exception_message": "no route to host",
        },
    }
    event = notify.to_event(CONTEXT, versioned("pre", "error", fault=fault))
    assert (event.result, event.reason) == ("error", "no route to host")


def test_who_asked_when_the_context_does_not_tell():
    told = {
        "request_id": "req-2",
        "action_initiator_user": "bob",
        "action_initiator_project": "builders",
    }
    for nobody in ({}, None):
        event = notify.to_event(nobody, versioned("pre", "start", **told))
        assert event.request_id == "req-2"
        assert (event.user_id, event.project_id) == ("bob", "builders")


def test_owner_is_not_taken_for_who_asked():
    event = notify.to_event({}, versioned("pre", "start"))
    assert event.user_id is None and event.project_id is None


def test_hosts_with_dots():
    message = legacy("live_migration.pre.end", "b.example", "a.example")
    event = notify.to_event(CONTEXT, message)
    assert (event.source, event.destination) == ("a.example", "b.example")
    message = versioned("pre", "end", "b.example", "a.example")
    event = notify.to_event(CONTEXT, message)
    assert (event.source, event.destination) == ("a.example", "b.example")


@pytest.mark.parametrize(
    "event_type",
    [
        "instance.create.start",
        "instance.live_migration",
        "compute.instance.update",
        "compute.instance.resize.start",
        "compute_task.migrate_server",
        "xinstance.live_migration_pre.start",
        "",
    ],
)
def test_others_are_none_of_our_business(event_type):
    message = {**versioned("pre", "start"), "event_type": event_type}
    assert notify.to_event(CONTEXT, message) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["nova_object.data", "host", "fault", "uuid", "message"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(payload=values, publisher=values, timestamp=values)
def test_any_contents_are_survived(payload, publisher, timestamp):
    event = notify.to_event(
        CONTEXT,
        {
            "event_type": "instance.live_migration_pre.start",
            "payload": payload,
            "publisher_id": publisher,
            "timestamp": timestamp,
        },
    )
    assert event.event == "instance.live_migration_pre"


@pytest.mark.parametrize("version", nova_sources.RELEASES)
def test_every_legacy_name_of_nova_has_a_versioned_twin(version):
    """So that none is lost where both are sent and the twin is written."""
    try:
        rpc = nova_sources.module(version, "rpc.py")
        fields = nova_sources.module(version, "objects/fields.py")
    except nova_sources.Unavailable as exc:
        pytest.skip(str(exc))
    new = {
        node.value.removeprefix("live_migration_")
        for node in _strings(fields)
        if node.value.startswith("live_migration_")
    }
    old = [
        node.value
        for node in _strings(rpc)
        if "live_migration" in node.value or "live.migration" in node.value
    ]
    assert len(old) == 14
    seen = set()
    for event_type in old:
        message = {**legacy(""), "event_type": event_type}
        name = notify.to_event(CONTEXT, message).event
        seen.add(name.removeprefix("instance.live_migration_"))
    assert seen == new


def _strings(tree):
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.fixture
def driver(tmp_path):
    """Return a driver for a notification_format, and its audit log."""

    def make(form):
        config = cfg.ConfigOpts()
        config.register_opt(cfg.StrOpt("state_path", default=str(tmp_path)))
        config.register_opt(
            cfg.StrOpt("notification_format", default=form), "notifications"
        )
        config([], default_config_files=[], default_config_dirs=[])
        return (
            notify.AuditDriver(config, None, None),
            tmp_path / "livemig_gpu" / "audit.log",
        )

    return make


@pytest.mark.parametrize("form", ["unversioned", "versioned", "both"])
def test_each_event_is_written_once(driver, form):
    made, path = driver(form)
    if form != "versioned":
        old = legacy("live_migration.pre.start", "dst")
        made.notify(CONTEXT, old, "INFO", None)
    if form != "unversioned":
        new = versioned("pre", "start", "dst")
        made.notify(CONTEXT, new, "INFO", None)
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["event"] == "instance.live_migration_pre"
    assert json.loads(line)["destination"] == "dst"


def test_the_driver_registers_our_options(driver):
    made, _ = driver("both")
    assert conf.load(made.conf).policy == "adaptive"


@pytest.mark.parametrize(
    "message", [None, {}, {"event_type": None}, {"event_type": 5}]
)
def test_a_broken_message_never_disturbs_nova(driver, message):
    made, path = driver("both")
    made.notify(CONTEXT, message, "INFO", None)
    assert not path.exists()


def test_other_notifications_leave_no_file(driver):
    made, path = driver("both")
    message = {**versioned("x", "y"), "event_type": "instance.create.end"}
    made.notify(CONTEXT, message, "INFO", None)
    assert not path.exists()


def python(code):
    """Run code in a fresh interpreter, as a Nova process would."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_door_opens_once_and_brings_nothing_heavy():
    out = python(
        "import nova.virt, sys\n"
        "before = len(nova.virt.__path__)\n"
        "import nova_livemig_gpu.notify as notify\n"
        "notify.open_door(); notify.open_door()\n"
        "heavy = ('libvirt', 'nova.virt.libvirt', 'pynvml', 'nova.compute')\n"
        "print(len(nova.virt.__path__) - before,\n"
        "      [name for name in heavy if name in sys.modules])\n"
    )
    assert out == "1 []\n"


def test_nova_finds_our_driver_behind_the_door():
    out = python(
        "import nova_livemig_gpu.notify\n"
        "from oslo_utils import importutils\n"
        "print(importutils.import_class(\n"
        "    'nova.virt.livemig_gpu.LibvirtDriver'))\n"
    )
    assert "nova_livemig_gpu.virt.driver.LibvirtDriver" in out


def test_oslo_messaging_loads_us_by_name():
    out = python(
        "from stevedore import named\n"
        "found = named.NamedExtensionManager(\n"
        "    'oslo.messaging.notify.drivers', ['livemig_gpu'])\n"
        "print(found.names())\n"
    )
    assert out == "['livemig_gpu']\n"


@pytest.mark.parametrize("name", ["to_event", "audit", "_body", "_ends"])
def test_a_fault_of_ours_costs_a_line_of_the_audit_log(
    monkeypatch, caplog, tmp_path, name
):
    """Nova sends its notifications from inside its own work."""

    def broken(*args):
        raise ZeroDivisionError

    service = cfg.ConfigOpts()
    driver = notify.AuditDriver(service, None, None)
    monkeypatch.setattr(notify, name, broken)
    driver.notify(CONTEXT, versioned("post", "end"), "INFO", None)
    assert "Nova goes on without it" in caplog.text


def test_options_that_cannot_be_registered_stop_no_service(
    monkeypatch, caplog
):
    monkeypatch.setattr(notify.own_conf, "register_opts", None)
    driver = notify.AuditDriver(cfg.ConfigOpts(), None, None)
    driver.notify(CONTEXT, versioned("post", "end"), "INFO", None)
    assert "Nova goes on without it" in caplog.text
