"""How busy the vCPUs of a server are."""

import libvirt
import pytest

from nova_livemig_gpu.virt import vcpus


class Domain:
    """Answers as libvirt's bindings do: states, and maps of pinnings."""

    def __init__(self, *ran_ns, error=None):
        self._ran_ns = ran_ns
        self._error = error

    def vcpus(self):
        if self._error is not None:
            raise self._error
        states = [(n, 1, ran, 0) for n, ran in enumerate(self._ran_ns)]
        return states, [(True, True)] * len(states)


def test_times_are_seconds():
    assert vcpus.times_s(Domain(2 * 10**9, 5 * 10**8)) == {0: 2.0, 1: 0.5}


@pytest.mark.parametrize(
    "domain",
    [
        Domain(error=libvirt.libvirtError("domain is not running")),
        object(),
    ],
)
def test_what_is_not_told_is_unknown(domain):
    assert vcpus.times_s(domain) is None


@pytest.mark.parametrize(
    ("before", "after", "seconds", "share"),
    [
        ({0: 1.0}, {0: 3.0}, 4.0, 0.5),
        ({0: 1.0, 1: 1.0}, {0: 2.0, 1: 4.0}, 4.0, 0.75),
        # one that was plugged in meanwhile tells nothing
        ({0: 1.0}, {0: 2.0, 1: 90.0}, 4.0, 0.25),
        ({0: 1.0}, {0: 9.0}, 4.0, 1.0),
        ({0: 1.0}, {0: 1.001}, 4.0, 0.01),
        # none has run: all of them in one thread, without times
        ({0: 0.0}, {0: 0.0}, 4.0, None),
        ({0: 2.0}, {0: 1.0}, 4.0, None),
        ({0: 1.0}, {0: 2.0}, 0.0, None),
        (None, {0: 2.0}, 4.0, None),
        ({0: 2.0}, None, 4.0, None),
        ({}, {}, 4.0, None),
    ],
)
def test_the_busiest(before, after, seconds, share):
    assert vcpus.busiest(before, after, seconds) == share
