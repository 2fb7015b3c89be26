"""What a nova-compute that died has left in libvirt."""

import threading
import time
from types import SimpleNamespace

import libvirt
import pytest

from nova_livemig_gpu.migration.record import Records
from nova_livemig_gpu.virt import interrupted, orphans, report, stephooks
from nova_livemig_gpu.virt.interrupted import CONF, Interrupted
from nova_livemig_gpu.virt.job import NO_LIMIT_MIB_S
from tests import builders

SERVER = "3f8a1c9e-5b7d-4e2f-8a6b-9c0d1e2f3a4b"
LIMITED = {"action": "set_bandwidth", "value": 20}


class Gone(libvirt.libvirtError):
    def __init__(self):
        Exception.__init__(self, "no domain")

    def get_error_code(self):
        return libvirt.VIR_ERR_NO_DOMAIN


class Domain:
    def __init__(self, error=None):
        self.speeds = []
        self._error = error

    def migrateSetMaxSpeed(self, mib_s):
        if self._error:
            raise self._error
        self.speeds.append(mib_s)


def let_go(domain, *decisions):
    def lookup(uuid):
        assert uuid == SERVER
        if domain is None:
            raise Gone
        return domain

    connection = SimpleNamespace(lookupByUUIDString=lookup)
    host = SimpleNamespace(get_connection=lambda: connection)
    service = SimpleNamespace(
        driver=SimpleNamespace(_host=host), options=None, release=None
    )
    Interrupted(service)._let_go(
        {"server": SERVER, "decisions": list(decisions)}
    )


@pytest.mark.parametrize(
    ("decisions", "speeds"),
    [
        ([LIMITED], [NO_LIMIT_MIB_S]),
        ([{"action": "set_downtime", "value": 200}], []),
        ([], []),
    ],
)
def test_a_bandwidth_limit_is_lifted(decisions, speeds):
    domain = Domain()
    let_go(domain, *decisions)
    assert domain.speeds == speeds


def test_a_server_that_has_gone_has_none(caplog):
    let_go(None, LIMITED)
    assert caplog.text == ""


def test_a_limit_that_cannot_be_lifted_is_told(caplog):
    let_go(Domain(RuntimeError("no connection")), LIMITED)
    assert "may still be in force: no connection" in caplog.text


class Frozen(Domain):
    """A server that may be frozen."""

    def __init__(self, state=(libvirt.VIR_DOMAIN_RUNNING, 1)):
        super().__init__()
        self._state = state

    def state(self):
        return list(self._state)


def thaw(monkeypatch, domain, head):
    """Return the servers that were resumed at a start."""
    resumed = []

    def resume(host, server, command):
        resumed.append((server, command))
        return True

    def lookup(uuid):
        if domain is None:
            raise Gone
        return domain

    monkeypatch.setattr(interrupted.agent, "resume_patiently", resume)
    connection = SimpleNamespace(lookupByUUIDString=lookup)
    host = SimpleNamespace(get_connection=lambda: connection)
    options = SimpleNamespace(
        read=lambda: SimpleNamespace(resume_command="/go")
    )
    service = SimpleNamespace(
        driver=SimpleNamespace(_host=host), options=options, release=None
    )
    Interrupted(service)._thaw({"server": SERVER, **head})
    return resumed


QUIESCED = {stephooks.ASKED: ["audit", "quiesce"]}


def test_what_was_quiesced_is_resumed_at_the_next_start(monkeypatch):
    assert thaw(monkeypatch, Frozen(), QUIESCED) == [(SERVER, "/go")]


@pytest.mark.parametrize(
    "head", [{}, {stephooks.ASKED: None}, {stephooks.ASKED: ["audit"]}]
)
def test_what_was_not_quiesced_is_left_alone(monkeypatch, head):
    assert thaw(monkeypatch, Frozen(), head) == []


@pytest.mark.parametrize(
    "domain",
    [
        None,
        Frozen(
            (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY)
        ),
    ],
    ids=["gone", "post-copy"],
)
def test_what_runs_elsewhere_is_its_destinations(monkeypatch, domain):
    assert thaw(monkeypatch, domain, QUIESCED) == []


def test_a_start_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(interrupted, "_THAW_S", 0.05)
    free = threading.Event()
    monkeypatch.setattr(
        interrupted.agent, "resume_patiently", lambda *args: free.wait(30)
    )
    host = SimpleNamespace(
        get_connection=lambda: SimpleNamespace(
            lookupByUUIDString=lambda uuid: Frozen()
        )
    )
    service = SimpleNamespace(
        driver=SimpleNamespace(_host=host),
        options=SimpleNamespace(
            read=lambda: SimpleNamespace(resume_command="")
        ),
        release=None,
    )
    began_s = time.monotonic()
    Interrupted(service)._thaw({"server": SERVER, **QUIESCED})
    free.set()
    assert time.monotonic() - began_s < 5


# ---- what Nova would leave, and tells nobody


@pytest.fixture
def left(monkeypatch, tmp_path):
    """Return what starts a nova-compute, and what was told."""
    told = []

    def interrupted(head, reason, begun=True):
        told.append((head["server"], head["request_id"], reason, begun))

    def start(ended, *records, release=34):
        asked = []

        def settle(self, prepared):
            asked.append(dict(prepared))
            return ended

        monkeypatch.setattr(report, "interrupted", interrupted)
        monkeypatch.setattr(orphans.Orphans, "settle", settle)
        monkeypatch.setattr(orphans, "request_of", lambda migration: "r9")
        options = builders.options(state_dir=str(tmp_path))
        for record in records:
            found = Records(str(tmp_path), 10).create(
                record["migration"], record
            )
            found.write()
        service = SimpleNamespace(
            driver=None,
            options=SimpleNamespace(read=lambda: options),
            release=release,
        )
        own = Interrupted(service)
        monkeypatch.setattr(own, "_whereabouts", lambda found: "it is here")
        own.close()
        return asked

    return start, told


def migration(uuid):
    return SimpleNamespace(
        uuid=uuid,
        instance_uuid="s1",
        source_compute="here",
        dest_compute="there",
    )


def record(**more):
    return {
        "migration": "m1",
        "server": "s1",
        "source": CONF.host,
        "request_id": "r1",
        **more,
    }


def test_one_that_had_not_gone_is_rolled_back_and_told(left, tmp_path):
    start, told = left
    data = {"nova_object.name": "LibvirtLiveMigrateData"}
    asked = start([(migration("m1"), False)], record(prepared=data))
    assert asked == [{"m1": data}]
    ((server, request, reason, begun),) = told
    assert (server, request, begun) == ("s1", "r1", False)
    assert "stopped before it went; it is here" in reason
    (kept,) = Records(str(tmp_path), 10).latest(10)
    assert kept["outcome"]["state"] == "failed"
    assert "prepared" not in kept


def test_one_that_ran_is_novas_and_told(left):
    start, told = left
    assert start([], record()) == [{}]
    ((_, _, reason, begun),) = told
    assert begun and "stopped while it was running" in reason


@pytest.mark.parametrize(
    ("postcopy", "words"),
    [
        (False, "stopped before it went"),
        (True, "in post-copy: the server runs on there"),
    ],
)
def test_one_without_a_record_is_told_by_its_newest_request(
    left, postcopy, words
):
    start, told = left
    start([(migration("m1"), postcopy)])
    ((server, request, reason, begun),) = told
    assert (server, request, begun) == ("s1", "r9", False)
    assert words in reason


def test_an_unknown_nova_is_left_alone(left):
    start, told = left
    assert start([(migration("m1"), False)], release=None) == []
    assert told == []
