"""The speed of the link to a destination."""

from types import SimpleNamespace

import pytest

from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.history.transports import Link
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.virt import links
from nova_livemig_gpu.virt.links import Links
from tests import builders


class Context:
    def elevated(self):
        return self


class Kernel:
    def __init__(self, mbps):
        self.mbps = mbps

    def speed_mbps(self, address):
        if isinstance(self.mbps, Exception):
            raise self.mbps
        return self.mbps


@pytest.fixture
def nodes(monkeypatch):
    """What the destination publishes, one for each node."""
    found = []

    def get(context, host):
        assert host == "dest"
        return [SimpleNamespace(stats=each) for each in found]

    monkeypatch.setattr(
        links.objects,
        "ComputeNodeList",
        SimpleNamespace(get_all_by_host=get),
    )
    return found


def published(mbps):
    return codec.encode(HostFacts("1", link_mbps=mbps))


def between(kernel_mbps, option_mbps=None):
    return Links(Kernel(kernel_mbps)).between(
        builders.options(link_mbps=option_mbps), Context(), "dest"
    )


def test_the_slower_end(nodes):
    nodes += [published(10_000), published(None)]
    assert between(25_000) == Link(10_000, "the slower of both ends")
    assert between(1_000).mbps == 1_000


def test_this_hosts_end():
    here = Links(Kernel(25_000)).here_mbps
    assert here(builders.options()) == 25_000
    assert here(builders.options(link_mbps=400)) == 400


def test_a_link_that_cannot_be_read_is_unknown_and_said_once(caplog):
    links = Links(Kernel(RuntimeError("no interfaces")))
    for _ in range(2):
        assert links.here_mbps(builders.options()) is None
    assert caplog.text.count("no interfaces") == 1


def test_the_option_goes_before_the_kernel(nodes):
    assert between(25_000, 400).mbps == 400


def test_one_end(nodes):
    assert between(25_000) == Link(
        25_000, "this host's; the destination's is unknown"
    )
    nodes.append(published(400))
    assert between(None) == Link(
        400, "the destination's; this host's is unknown"
    )


@pytest.mark.parametrize(
    "stats", [None, {}, {"livemig_gpu": "nonsense"}, "text"]
)
def test_a_destination_without_our_facts(nodes, stats):
    nodes.append(stats)
    assert between(None) is None


def test_nothing_raises(nodes, monkeypatch):
    monkeypatch.setattr(links.objects, "ComputeNodeList", None)
    assert between(OSError("no such file")) is None
