"""What the loop asks of a running migration of Nova."""

from collections import deque
from types import SimpleNamespace

import pytest

from nova_livemig_gpu.migration.loop import JobRefused
from nova_livemig_gpu.model import StartPlan
from nova_livemig_gpu.virt.job import NovaJob


class Domain:
    """A libvirt domain that takes a bandwidth limit, or does not."""

    def __init__(self, error=None):
        self.speeds = []
        self._error = error

    def migrateSetMaxSpeed(self, mib_s):
        if self._error:
            raise self._error
        self.speeds.append(mib_s)


def job(domain):
    return NovaJob(
        driver=None,
        guest=SimpleNamespace(_domain=domain),
        instance=None,
        migration=None,
        plan=StartPlan(False, False, 0, None),
        finished=lambda: False,
        on_failure=deque(),
        save_every_s=5,
    )


def test_bandwidth_is_told_in_libvirts_unit():
    domain = Domain()
    job(domain).set_bandwidth(30)
    assert domain.speeds == [30]


def test_refused_bandwidth_says_what_was_asked_for():
    with pytest.raises(JobRefused, match="30 MiB/s was refused: no job"):
        job(Domain(RuntimeError("no job"))).set_bandwidth(30)
