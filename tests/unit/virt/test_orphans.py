"""Migrations that a nova-compute which died has left in Nova's database."""

from types import SimpleNamespace

import libvirt
import pytest
from nova import exception, objects
from nova.objects import migrate_data as migrate_data_obj

from nova_livemig_gpu.virt import orphans, trail

HERE = "here"

objects.register_all()


class Migration:
    def __init__(self, number=1, status="queued", server="s1", dest="there"):
        self.id = number
        self.uuid = f"m{number}"
        self.status = status
        self.instance_uuid = server
        self.dest_compute = dest
        self.error = None

    def save(self):
        if self.error:
            raise self.error


class Domain:
    """:param job: type of libvirt's job"""

    def __init__(
        self, job=libvirt.VIR_DOMAIN_JOB_NONE, active=1, state=(1, 1)
    ):
        self._job, self._active, self._state = job, active, list(state)

    def jobInfo(self):
        return [self._job]

    def isActive(self):
        return self._active

    def state(self):
        return self._state


class Cloud:
    """A nova-compute that starts, and the rest of Nova."""

    def __init__(self, monkeypatch, *migrations, domain=None, **server):
        self.asked = []
        self.migrations = migrations
        self.domain = domain or Domain()
        self.server = SimpleNamespace(
            **{
                "uuid": "s1",
                "host": HERE,
                "task_state": "migrating",
                "migration_context": None,
                "drop_migration_context": lambda: self._note("context"),
                **server,
            }
        )
        self.faults = {}
        manager = SimpleNamespace(
            host=HERE,
            _revert_allocation=lambda c, i, m: self._note("placement", m.uuid),
            _live_migration_cleanup_flags=self._flags,
            compute_rpcapi=SimpleNamespace(
                rollback_live_migration_at_destination=self._there
            ),
            network_api=SimpleNamespace(setup_networks_on_host=self._networks),
        )
        self.driver = SimpleNamespace(
            virtapi=SimpleNamespace(_compute=manager),
            _host=SimpleNamespace(get_guest=self._guest),
        )
        monkeypatch.setattr(
            objects.MigrationList, "get_by_filters", self._list
        )
        monkeypatch.setattr(objects.Instance, "get_by_uuid", self._get)

    def _note(self, *what):
        self.asked.append(what)
        if what[0] in self.faults:
            raise self.faults[what[0]]

    def _list(self, context, filters, limit):
        assert context.is_admin
        if "list" in self.faults:
            raise self.faults["list"]
        assert filters["source_compute"] == HERE
        assert filters["migration_type"] == "live-migration"
        return [
            each
            for each in self.migrations
            if each.status in filters["status"]
        ]

    def _get(self, context, uuid, expected_attrs):
        if isinstance(self.server, Exception):
            raise self.server
        return self.server

    def _guest(self, server):
        if isinstance(self.domain, Exception):
            raise self.domain
        return SimpleNamespace(_domain=self.domain)

    def _flags(self, data, migr_ctxt):
        return (not data.is_shared_instance_path, True)

    def _there(self, context, server, dest, destroy_disks, migrate_data):
        self._note("there", dest, destroy_disks, migrate_data is not None)

    def _networks(self, context, server, host, teardown):
        assert teardown
        self._note("networks", host)

    def settle(self, prepared=None):
        found = orphans.Orphans(self.driver).settle(prepared or {})
        self.postcopy = [each.uuid for each, postcopy in found if postcopy]
        return [each.uuid for each, _ in found]


def prepared(shared):
    data = migrate_data_obj.LibvirtLiveMigrateData(
        is_shared_instance_path=shared,
        is_shared_block_storage=False,
        bdms=[],
        serial_listen_ports=[10000],
    )
    migration = objects.Migration(uuid="m1", id=1)
    data.migration = migration
    context = SimpleNamespace(request_id="r", user_id="u", project_id="p")
    found = trail.prepared(context, SimpleNamespace(uuid="s1"), "there", data)
    return found["prepared"]


PLACEMENT = ("placement", "m1")


@pytest.mark.parametrize("status", ["queued", "preparing"])
def test_one_that_waited(monkeypatch, status):
    """No disk is touched where nothing is known of the storage."""
    migration = Migration(status=status)
    cloud = Cloud(monkeypatch, migration)
    assert cloud.settle() == ["m1"]
    assert migration.status == "error"
    assert cloud.asked == [PLACEMENT, ("there", "there", False, False)]


@pytest.mark.parametrize(
    ("shared", "done"),
    [
        (False, ("there", "there", True, True)),
        (True, ("networks", "there")),
    ],
)
@pytest.mark.parametrize("status", ["queued", "running"])
def test_what_our_record_says_of_it(monkeypatch, status, shared, done):
    """It is shown as running while it is measured, say."""
    migration = Migration(status=status)
    cloud = Cloud(monkeypatch, migration)
    assert cloud.settle({"m1": prepared(shared)}) == ["m1"]
    assert migration.status == "error"
    assert cloud.asked == [PLACEMENT, done]


def test_no_secret_and_no_copy_of_novas_objects_is_written():
    data = prepared(False)["nova_object.data"]
    assert "bdms" not in data and "migration" not in data
    assert data["serial_listen_ports"] == [10000]


def test_a_record_that_is_not_understood_counts_as_none(monkeypatch, caplog):
    cloud = Cloud(monkeypatch, Migration())
    assert cloud.settle({"m1": {"nova_object.name": "Nonsense"}}) == ["m1"]
    assert cloud.asked[1] == ("there", "there", False, False)
    assert "is not known" in caplog.text


def test_those_that_run_are_novas(monkeypatch):
    running = Migration(status="running")
    others = [
        Migration(number, status)
        for number, status in enumerate(
            ("completed", "failed", "error", "cancelled", "accepted"), 2
        )
    ]
    cloud = Cloud(monkeypatch, running, *others)
    assert cloud.settle() == [] and cloud.asked == []
    assert running.status == "running"
    assert others[-1].status == "accepted", "not come to this host yet"


def test_one_in_postcopy_is_ended_and_nothing_touched(monkeypatch):
    """The server runs at the destination."""
    migration = Migration(status="running (post-copy)")
    cloud = Cloud(monkeypatch, migration)
    assert cloud.settle({"m1": prepared(False)}) == ["m1"]
    assert migration.status == "error" and cloud.asked == []
    assert cloud.postcopy == ["m1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "there"},
        {"task_state": None},
        {"task_state": "deleting"},
        {"domain": Domain(job=libvirt.VIR_DOMAIN_JOB_UNBOUNDED)},
        {"domain": Domain(active=0)},
        {
            "domain": Domain(
                state=(
                    libvirt.VIR_DOMAIN_PAUSED,
                    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY,
                )
            )
        },
        {"domain": exception.InstanceNotFound(instance_id="s1")},
        {"domain": OSError("no libvirt")},
    ],
    ids=[
        "evacuated",
        "reset",
        "deleted",
        "has a job",
        "is off",
        "left by post-copy",
        "is gone",
        "unknown",
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_whose_server_does_not_simply_run_here(monkeypatch, changes, known):
    """What is at the destination may be the server."""
    migration = Migration()
    cloud = Cloud(monkeypatch, migration, **changes)
    cloud.settle({"m1": prepared(False)} if known else {})
    assert migration.status == "error" and cloud.asked == []


def test_whose_server_is_deleted(monkeypatch):
    migration = Migration()
    cloud = Cloud(monkeypatch, migration)
    cloud.server = exception.InstanceNotFound(instance_id="s1")
    assert cloud.settle() == ["m1"]
    assert migration.status == "error" and cloud.asked == []


def test_only_a_servers_newest_is_rolled_back(monkeypatch):
    """An old one may stand there from before this was mended."""
    old, new = Migration(1), Migration(2)
    cloud = Cloud(monkeypatch, new, old)
    assert sorted(cloud.settle()) == ["m1", "m2"]
    assert old.status == new.status == "error"
    assert cloud.asked[0] == ("placement", "m2")
    assert len(cloud.asked) == 2


@pytest.mark.parametrize("fault", ["placement", "there", "context"])
def test_each_step_is_made_whatever_becomes_of_the_others(
    monkeypatch, caplog, fault
):
    migration = Migration()
    cloud = Cloud(monkeypatch, migration, migration_context=object())
    cloud.faults[fault] = OSError("away")
    assert cloud.settle() == ["m1"]
    assert migration.status == "error"
    assert [what for what, *_ in cloud.asked] == [
        "placement",
        "there",
        "context",
    ]
    assert "Not rolled back after an interrupted" in caplog.text


def test_what_was_not_placed_has_no_destination(monkeypatch):
    cloud = Cloud(monkeypatch, Migration(dest=None))
    assert cloud.settle() == ["m1"]
    assert cloud.asked == [PLACEMENT]


def test_one_that_cannot_be_saved_keeps_no_other(monkeypatch, caplog):
    first, second = Migration(1), Migration(2, server="s2")
    first.error = OSError("no conductor")
    cloud = Cloud(monkeypatch, first, second)
    assert cloud.settle() == ["m2"]
    assert second.status == "error"
    assert "It stays as it is" in caplog.text


def test_a_database_that_does_not_answer_is_told(monkeypatch, caplog):
    cloud = Cloud(monkeypatch, Migration())
    cloud.faults["list"] = OSError("no conductor")
    assert cloud.settle() == []
    assert "cannot be listed: no conductor" in caplog.text


def test_the_request_of_the_newest_live_migration(monkeypatch):
    actions = [
        SimpleNamespace(action="live_migration_cancel", request_id="r3"),
        SimpleNamespace(action="live-migration", request_id="r2"),
        SimpleNamespace(action="live-migration", request_id="r1"),
    ]
    monkeypatch.setattr(
        objects.InstanceActionList,
        "get_by_instance_uuid",
        lambda context, uuid: actions,
    )
    assert orphans.request_of(Migration()) == "r2"
    del actions[:]
    assert orphans.request_of(Migration()) is None
