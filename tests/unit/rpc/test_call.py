"""Client and server over oslo.messaging's own in-memory transport."""

import time

import oslo_messaging
import pytest
from oslo_config import cfg

from nova_livemig_gpu.rpc import client, server


class Backend:
    def vgpu_metadata(self, uuid):
        if uuid == "slow":
            time.sleep(3)
        if uuid == "broken":
            raise RuntimeError("GPU is lost")
        return [b"\0meta\0" + uuid.encode()]


@pytest.fixture(scope="module")
def transport():
    return oslo_messaging.get_rpc_transport(cfg.CONF, url="fake:/")


@pytest.fixture(scope="module")
def asking(transport):
    running = server.start(transport, "source", Backend())
    yield client.Client(transport, timeout_s=1)
    running.stop()
    running.wait()


def test_blobs_come_back(asking):
    assert asking.vgpu_metadata("source", "u1").blobs == (b"\0meta\0u1",)


def test_a_failing_backend_is_an_answer(asking):
    found = asking.vgpu_metadata("source", "broken")
    assert found.blobs is None
    assert "GPU is lost" in found.why


def test_a_slow_host_is_unknown_after_the_timeout(asking):
    start = time.monotonic()
    found = asking.vgpu_metadata("source", "slow")
    assert found.blobs is None and "within 1 s" in found.why
    assert time.monotonic() - start < 3


def test_a_host_without_the_plugin_is_unknown(asking):
    found = asking.vgpu_metadata("elsewhere", "u1")
    assert found.blobs is None and "elsewhere" in found.why


def test_a_host_that_resumes_arrivals(transport):
    running = server.start(transport, "thaws", Backend(), resumes=True)
    try:
        asking = client.Client(transport, timeout_s=1)
        assert asking.no_thaw("thaws") is None
        assert asking.vgpu_metadata("thaws", "u1").blobs
    finally:
        running.stop()
        running.wait()


def test_a_host_that_does_not(asking):
    assert "hook quiesce is not listed on source" in asking.no_thaw("source")


def test_a_host_that_does_not_answer(asking):
    assert "elsewhere does not say" in asking.no_thaw("elsewhere")


def test_an_older_host_does_not_know(transport):
    class Older(server.Endpoint):
        target = oslo_messaging.Target(version="1.0")
        resumes_arrivals = None

    target = oslo_messaging.Target(topic=server.TOPIC, server="older")
    running = oslo_messaging.get_rpc_server(
        transport, target, [Older(Backend())]
    )
    running.start()
    try:
        asking = client.Client(transport, timeout_s=1)
        assert "older does not say" in asking.no_thaw("older")
        assert asking.vgpu_metadata("older", "u1").blobs
    finally:
        running.stop()
        running.wait()
