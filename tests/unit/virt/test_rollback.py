"""The rollback of a migration that has not gone, of a deleted server too."""

from types import SimpleNamespace

import pytest
from nova import exception, objects

from nova_livemig_gpu.virt.rollback import roll_back

objects.register_all()
INSTANCE = SimpleNamespace(uuid="s1")
DELETING = exception.UnexpectedDeletingTaskStateError(
    instance_uuid="s1", expected="migrating", actual="deleting"
)
GONE = exception.InstanceNotFound(instance_id="s1")


class Migration:
    uuid = "m1"
    status = "running"

    def __init__(self):
        self.saved = []

    def save(self):
        self.saved.append(self.status)


class Cloud:
    """:param error: what Nova's rollback ends with

    :param server: what Nova's database says of the server then
    """

    def __init__(self, monkeypatch, error, server):
        self.asked, self.freed = [], []
        self.migration = Migration()
        self._error, self._server = error, server
        placement = SimpleNamespace(delete_allocation_for_instance=self._free)
        self.driver = SimpleNamespace(
            virtapi=SimpleNamespace(
                _compute=SimpleNamespace(reportclient=placement)
            )
        )
        monkeypatch.setattr(
            objects.Instance, "get_by_uuid", self._get, raising=True
        )

    def _free(self, context, uuid, consumer_type, force):
        assert force
        self.freed.append((uuid, consumer_type))

    def _get(self, context, uuid):
        if isinstance(self._server, Exception):
            raise self._server
        return self._server

    def _recover(self, migration_status):
        self.asked.append(migration_status)
        if self._error is not None:
            raise self._error

    def roll_back(self):
        roll_back(
            self.driver,
            "context",
            INSTANCE,
            self.migration,
            self._recover,
            "cancelled",
        )


def server(task_state="migrating", vm_state="active"):
    return SimpleNamespace(task_state=task_state, vm_state=vm_state)


def test_nova_does_it(monkeypatch):
    cloud = Cloud(monkeypatch, None, server(None))
    cloud.roll_back()
    assert cloud.asked == ["cancelled"]
    assert cloud.migration.saved == [] and cloud.freed == []


@pytest.mark.parametrize(
    ("error", "now"),
    [
        (DELETING, server("deleting")),
        (RuntimeError("anything"), server("deleting")),
        (RuntimeError("soft"), server("soft-deleting")),
        (RuntimeError("soft"), server(None, "soft-delete")),
    ],
)
def test_one_that_is_being_deleted(monkeypatch, caplog, error, now):
    """Its deletion frees its allocations."""
    cloud = Cloud(monkeypatch, error, now)
    cloud.roll_back()
    assert cloud.migration.saved == ["cancelled"]
    assert cloud.freed == []
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


def test_one_that_is_gone(monkeypatch, caplog):
    """Nobody else would free what it has got back."""
    cloud = Cloud(monkeypatch, GONE, GONE)
    cloud.roll_back()
    assert cloud.migration.saved == ["cancelled"]
    assert cloud.freed == [("s1", "instance"), ("m1", "migration")]
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


@pytest.mark.parametrize(
    "now",
    [server(), server(None, "error"), OSError("no conductor")],
    ids=["there", "in error", "unknown"],
)
def test_what_nova_raises_of_any_other_is_novas(monkeypatch, now):
    error = RuntimeError("Placement is away")
    cloud = Cloud(monkeypatch, error, now)
    with pytest.raises(RuntimeError, match="Placement is away"):
        cloud.roll_back()
    assert cloud.migration.saved == [] and cloud.freed == []


def test_what_cannot_be_freed_is_told(monkeypatch, caplog):
    cloud = Cloud(monkeypatch, GONE, GONE)
    cloud.driver.virtapi = None
    cloud.roll_back()
    assert cloud.migration.saved == ["cancelled"]
    assert "may be left in Nova's database or in Placement" in caplog.text
