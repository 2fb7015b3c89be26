"""A live migration as the API tells of it, on clients with a script."""

import json

import pytest
from tempest.lib import exceptions

from nova_livemig_gpu.tempest import migrations
from nova_livemig_gpu.tempest.migrations import Clients, LiveMigration


class Cloud:
    """Both clients: one server, its migrations, and what was asked."""

    def __init__(self):
        self.server = {
            "status": "ACTIVE",
            "OS-EXT-SRV-ATTR:host": "here",
            "OS-EXT-STS:task_state": None,
        }
        self.records = []
        self.under_way = []
        self.actions = []
        self.asked = []

    def show_server(self, server_id):
        return {"server": dict(self.server)}

    def list_migrations(self, instance_uuid):
        return {"migrations": list(self.records)}

    def live_migrate_server(self, server_id, **how):
        self.asked.append(("migrate", server_id, how))
        self.records.append({"id": 9, "status": "running", "uuid": "m-9"})

    def get(self, path):
        return None, json.dumps({"migrations": self.under_way})

    def delete(self, path):
        self.asked.append(("delete", path))

    def post(self, path, body):
        self.asked.append(("post", path, json.loads(body)))

    def list_instance_actions(self, server_id):
        return {"instanceActions": self.actions}

    def show_instance_action(self, server_id, request_id):
        (found,) = [a for a in self.actions if a["request_id"] == request_id]
        return {"instanceAction": found}

    def action(self, name, request_id, *events):
        """Add a newer action."""
        self.actions.insert(
            0,
            {"action": name, "request_id": request_id, "events": list(events)},
        )


def event(name, result, details=None):
    return {"event": name, "result": result, "details": details}


@pytest.fixture
def cloud(monkeypatch):
    monkeypatch.setattr(migrations, "_POLL_S", 0)
    return Cloud()


def begin(cloud, timeout_s=5.0, **how):
    return LiveMigration(Clients(cloud, cloud), "s", timeout_s, **how)


def test_asks_for_it(cloud):
    migration = begin(cloud, host="there")
    assert cloud.asked == [
        ("migrate", "s", {"host": "there", "block_migration": "auto"})
    ]
    assert migration.source == "here"
    assert migration.record()["uuid"] == "m-9"


def test_older_migrations_are_not_this_one(cloud):
    cloud.records = [{"id": 3, "status": "completed"}]
    cloud.live_migrate_server = lambda *_, **__: None
    assert begin(cloud).record() is None


def test_over_when_record_and_task_are(cloud):
    migration = begin(cloud)
    cloud.server["OS-EXT-STS:task_state"] = "migrating"
    shown = []

    def show_server(server_id):
        shown.append(server_id)
        if len(shown) == 3:
            cloud.server["OS-EXT-STS:task_state"] = None
        return {"server": dict(cloud.server)}

    cloud.show_server = show_server
    cloud.records[-1]["status"] = "completed"
    assert migration.wait_over() == "completed"
    assert len(shown) == 3


def test_one_that_does_not_end(cloud):
    with pytest.raises(exceptions.TimeoutException, match="running"):
        begin(cloud, timeout_s=0.01).wait_over()


def test_running_when_memory_flows(cloud):
    migration = begin(cloud)
    answers = [
        [],
        [{"status": "preparing", "memory_processed_bytes": None}],
        [{"status": "running", "memory_processed_bytes": 0}],
        [{"status": "running", "memory_processed_bytes": 4096}],
    ]

    def get(path):
        assert path == "servers/s/migrations"
        return None, json.dumps({"migrations": answers.pop(0)})

    cloud.get = get
    migration.wait_running()
    assert not answers


def test_over_before_it_was_caught(cloud):
    migration = begin(cloud)
    cloud.records[-1]["status"] = "completed"
    with pytest.raises(exceptions.TempestException, match="slow_bandwidth"):
        migration.wait_running()


def test_abort_and_force(cloud):
    migration = begin(cloud)
    migration.abort()
    migration.force_complete()
    assert cloud.asked[1:] == [
        ("delete", "servers/s/migrations/9"),
        (
            "post",
            "servers/s/migrations/9/action",
            {"force_complete": None},
        ),
    ]


def test_the_event_of_the_newest_migration(cloud):
    migration = begin(cloud)
    name = migrations.STEERING
    cloud.action("live-migration", "r1", event(name, "Success"))
    cloud.action(
        "live-migration",
        "r2",
        event("conductor_live_migrate_instance", "Success"),
        event(name, "Error", "because"),
    )
    cloud.action("live_migration_cancel", "r3")
    assert migration.event().result == "Error"
    assert migration.event().details == "because"
    assert migration.reasons() == "because"


def test_no_event(cloud):
    migration = begin(cloud)
    cloud.action("live-migration", "r1", event("other", "Error", "this"))
    assert migration.reasons() == "this"
    with pytest.raises(exceptions.TempestException, match="steering"):
        migration.event()


def test_the_record_on_its_source(cloud, tmp_path):
    migration = begin(cloud)
    (tmp_path / "m-9.json").write_text('{"format": 1}')
    assert migration.file({"here": str(tmp_path)}) == {"format": 1}
