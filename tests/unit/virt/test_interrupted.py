"""What a nova-compute that died has left in libvirt."""

from types import SimpleNamespace

import libvirt
import pytest

from nova_livemig_gpu.virt.interrupted import Interrupted
from nova_livemig_gpu.virt.job import NO_LIMIT_MIB_S

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
    service = SimpleNamespace(driver=SimpleNamespace(_host=host), options=None)
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
