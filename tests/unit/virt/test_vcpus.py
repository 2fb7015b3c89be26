"""How busy the vCPUs of a server are."""

from types import SimpleNamespace

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


def test_a_vcpu_that_is_taken_away_hides_no_other():
    found = Domain(2 * 10**9)
    states = [(0, 1, 2 * 10**9, 3), (0, 0, 0, 0)]
    found.vcpus = lambda: (states, [])
    assert vcpus.times_s(found) == {0: 2.0}


@pytest.mark.parametrize(
    "domain",
    [
        Domain(error=libvirt.libvirtError("domain is not running")),
        object(),
        SimpleNamespace(vcpus=lambda: None),
        SimpleNamespace(vcpus=lambda: ([(0, 1, None, 0)], [])),
        SimpleNamespace(vcpus=lambda: ([(0, 1, 5)], [])),
    ],
)
def test_what_is_not_told_is_unknown(domain):
    assert vcpus.times_s(domain) is None


@pytest.mark.parametrize(
    ("before", "after", "seconds", "share"),
    [
        ({0: 1.0}, {0: 3.0}, 4.0, 0.5),
        # all of them together: a thread may wander
        ({0: 1.0, 1: 1.0}, {0: 2.0, 1: 2.5}, 4.0, 0.625),
        ({0: 1.0, 1: 1.0}, {0: 4.0, 1: 4.0}, 4.0, 1.0),
        # one that was plugged in meanwhile tells nothing
        ({0: 1.0}, {0: 2.0, 1: 90.0}, 4.0, 0.25),
        ({0: 1.0}, {0: 9.0}, 4.0, 1.0),
        ({0: 1.0}, {0: 1.001}, 4.0, 0.01),
        # none has run: all of them in one thread, without times
        ({0: 0.0}, {0: 0.0}, 4.0, None),
        ({0: 2.0}, {0: 1.0}, 4.0, None),
        # libvirt's times may be too coarse for that
        ({0: 1.0}, {0: 1.01}, 0.02, None),
        ({0: 1.0}, {0: 2.0}, 0.0, None),
        (None, {0: 2.0}, 4.0, None),
        ({0: 2.0}, None, 4.0, None),
        ({}, {}, 4.0, None),
    ],
)
def test_the_share_of_a_thread(before, after, seconds, share):
    assert vcpus.busy_share(before, after, seconds) == share
