"""A live migration on Nova's fakelibvirt that a test can hold and end."""

import threading
import time
from typing import Any

import fixtures
import libvirt
from nova.tests.fixtures import libvirt as fakelibvirt

GIB = 2**30
_PATIENCE_S = 60


class FakeJob(fixtures.Fixture):
    """Stands for the migration job of one domain.

    ``migrateToURI3`` blocks until the test calls :meth:`complete` or
    :meth:`fail`, or somebody aborts; meanwhile ``jobStats`` tells of a first
    pass that runs.

    :ivar called: libvirt was asked for it
    :ivar started: libvirt has a job
    :ivar flags: that the migration was started with
    :ivar params: that the migration was started with
    :ivar downtimes: limits that were set, ms
    """

    def __init__(
        self, test: Any, hold: bool = True, slow_start: bool = False
    ) -> None:
        """:param test: has ``dest``, the destination's compute service

        :param hold: False: it completes at once
        :param slow_start: libvirt has no job until :meth:`begin`
        """
        super().__init__()
        self._test = test
        self._hold = hold
        self._ended = threading.Event()
        self._error: Exception | None = None
        self.flags: int | None = None
        self.params: dict[str, Any] = {}
        self.downtimes: list[int] = []
        self.called = threading.Event()
        self.started = threading.Event()
        self._may_begin = threading.Event()
        if not slow_start:
            self._may_begin.set()
        self.postcopy = threading.Event()

    def _setUp(self) -> None:
        for name in (
            "migrateToURI3",
            "jobStats",
            "abortJob",
            "migrateSetMaxDowntime",
            "migrateStartPostCopy",
        ):
            self.useFixture(
                fixtures.MonkeyPatch(
                    f"nova.tests.fixtures.libvirt.Domain.{name}",
                    self._method(name),
                )
            )
        self.addCleanup(self._give_up)

    def _method(self, name: str) -> Any:
        def call(domain: Any, *args: Any, **kwargs: Any) -> Any:
            return getattr(self, f"_{name}")(domain, *args, **kwargs)

        return call

    def _give_up(self) -> None:
        """A failed test must not leave a migration that waits; it ends
        while the hosts can still talk to each other."""
        self.begin()
        if not self._ended.is_set():
            self.fail("the test is over")
        running = self._test.src.driver.active_migrations
        deadline = time.monotonic() + _PATIENCE_S
        while running and time.monotonic() < deadline:
            time.sleep(0.1)

    def begin(self) -> None:
        """Let libvirt have a job."""
        self._may_begin.set()

    def complete(self) -> None:
        """Let it succeed."""
        self._ended.set()

    def fail(self, message: str, code: int | None = None) -> None:
        """Let ``migrateToURI3`` raise."""
        self._error = fakelibvirt.make_libvirtError(
            fakelibvirt.libvirtError,
            message,
            error_code=code or fakelibvirt.VIR_ERR_INTERNAL_ERROR,
            error_domain=fakelibvirt.VIR_FROM_QEMU,
            error_message=message,
        )
        self._ended.set()

    def _migrateToURI3(
        self, domain: Any, uri: str, params: Any = None, flags: int = 0
    ) -> None:
        self.flags, self.params = flags, params
        self.called.set()
        if not self._may_begin.wait(_PATIENCE_S):
            raise AssertionError("nobody has begun this migration")
        self.started.set()
        if self._hold and not self._ended.wait(_PATIENCE_S):
            raise AssertionError("nobody has ended this migration")
        if self._error is not None:
            raise self._error
        there = self._test.dest.driver._host.get_connection()
        there.createXML(params["destination_xml"], 0)
        domain.complete_job()

    def _jobStats(self, domain: Any, flags: int = 0) -> dict[str, Any]:
        # Nova 31 to 33: a domain has a job that runs, whatever it does
        if domain._job_type not in (
            fakelibvirt.VIR_DOMAIN_JOB_NONE,
            fakelibvirt.VIR_DOMAIN_JOB_UNBOUNDED,
        ):
            return {"type": domain._job_type}
        if not self.started.is_set() or self._ended.is_set():
            return {"type": fakelibvirt.VIR_DOMAIN_JOB_NONE}
        return {
            "type": fakelibvirt.VIR_DOMAIN_JOB_UNBOUNDED,
            "time_elapsed": 1000,
            "memory_total": 2 * GIB,
            "memory_processed": GIB,
            "memory_remaining": GIB,
            "memory_bps": 100 * 2**20,
            "memory_iteration": 1,
            "memory_page_size": 4096,
            "memory_dirty_rate": 0,
            # Nova 34's API calls 0 bytes of disk a wrong answer of its own.
            "disk_total": 2,
            "disk_processed": 1,
            "disk_remaining": 1,
        }

    def _abortJob(self, domain: Any) -> None:
        if not self.started.is_set():
            raise fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError,
                "Requested operation is not valid: no job is active on the "
                "domain",
                error_code=libvirt.VIR_ERR_OPERATION_INVALID,
                error_domain=fakelibvirt.VIR_FROM_QEMU,
            )
        self.fail(
            "operation aborted: migration out: canceled by client",
            libvirt.VIR_ERR_OPERATION_ABORTED,
        )

    def _migrateSetMaxDowntime(
        self, domain: Any, downtime: int, flags: int = 0
    ) -> None:
        self.downtimes.append(downtime)

    def _migrateStartPostCopy(self, domain: Any, flags: int = 0) -> None:
        self.postcopy.set()
