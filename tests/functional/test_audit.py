"""What our facts cost Nova's resource audit, on Nova's fixtures.

``python -m unittest tests.functional.test_audit`` prints the figures.
"""

import statistics
import threading
import time
from typing import Any
from unittest import mock

from nova.tests.functional.libvirt import base
from nova.virt.libvirt import driver as libvirt_driver

from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.virt import publisher
from tests.functional.base import OurDriverMixin

#: What nothing that has not changed may cost.
MOST_S = 0.01
#: The resource tracker asks once a minute; here at once, so often.
AUDITS = 15


class AuditTests(OurDriverMixin, base.ServersTestBase):
    """One host; what is slow there is made slow by hand."""

    def setUp(self) -> None:
        super().setUp()
        self.start_compute("host")
        self.driver = self.computes["host"].driver
        self.publisher = self.driver._publisher

    def slow(self, seconds: float) -> None:
        """Let Nova's database take so long, and with it every reading."""
        real = publisher.running

        def running(host: str) -> Any:
            time.sleep(seconds)
            return real(host)

        patch = mock.patch.object(publisher, "running", running)
        patch.start()
        self.addCleanup(patch.stop)

    def seconds(self, work: Any) -> list[float]:
        """Return how long each of some audits has taken."""
        found = []
        for _ in range(AUDITS):
            begin_s = time.perf_counter()
            work()
            found.append(time.perf_counter() - begin_s)
        return sorted(found)

    def test_what_an_audit_costs(self) -> None:
        """Of several the quickest: the machine may be busy."""
        stock = self.seconds(
            lambda: libvirt_driver.LibvirtDriver.get_available_resource(
                self.driver, "host"
            )
        )
        reading = self.seconds(self.publisher._read)
        quick = self.seconds(self.publisher.stats)
        self.slow(0.2)
        slow = self.seconds(self.publisher.stats)
        for name, times in (
            ("Nova's audit", stock),
            ("reading our facts, beside it", reading),
            ("our part of it", quick),
            ("our part, reading takes 200 ms longer", slow),
        ):
            print(
                f"{name:<40} least {times[0] * 1e3:6.1f} ms, "
                f"median {statistics.median(times) * 1e3:6.1f} ms"
            )
        self.assertLess(quick[0], MOST_S)
        self.assertLess(slow[0], MOST_S)

    def test_an_audit_waits_for_nobody(self) -> None:
        """A look into Nova's database that hangs holds nothing up, and what
        was read last is told."""
        before = self.publisher.stats()
        go = threading.Event()
        self.addCleanup(go.set)
        with mock.patch.object(publisher, "running", lambda host: go.wait(60)):
            for _ in range(3):
                data = self.driver.get_available_resource("host")
                facts = codec.decode(data["stats"])
                self.assertEqual(facts, codec.decode(before))
