"""What is said of a server whose migration has failed."""

from types import SimpleNamespace

import libvirt
import pytest

from nova_livemig_gpu.virt.aftermath import at_source
from tests.unit.virt.test_devices import MDEV, VF, domain

INSTANCE = SimpleNamespace(uuid="s1")


def host(state=libvirt.VIR_DOMAIN_RUNNING, *devices, error=None):
    def get_guest(instance):
        if error is not None:
            raise error
        return SimpleNamespace(
            _domain=SimpleNamespace(
                info=lambda: [state, 1, 1, 1, 1],
                XMLDesc=lambda flags: domain(*devices),
            )
        )

    return SimpleNamespace(get_guest=get_guest)


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (
            host(libvirt.VIR_DOMAIN_RUNNING, MDEV, VF),
            "running with 1 mdev, 1 vf",
        ),
        (host(libvirt.VIR_DOMAIN_PAUSED, MDEV), "paused with 1 mdev"),
        (host(libvirt.VIR_DOMAIN_RUNNING), "running with no VFIO device"),
        (host(99, MDEV), "in an unknown state with 1 mdev"),
        (host(error=RuntimeError("away")), "in an unknown state: away"),
    ],
)
def test_state_and_devices(there, says):
    assert at_source(there, INSTANCE) == says


def test_a_server_that_has_gone():
    gone = RuntimeError("no domain")
    gone.get_error_code = lambda: libvirt.VIR_ERR_NO_DOMAIN
    assert at_source(host(error=gone), INSTANCE) == "not here"
