"""What the loop asks of a running migration of Nova."""

from collections import deque
from types import SimpleNamespace
from unittest.mock import Mock

import libvirt
import pytest

from nova_livemig_gpu.migration.departure import Departure
from nova_livemig_gpu.migration.loop import JobRefused
from nova_livemig_gpu.model import JobState, Sample, StartPlan
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.virt.job import NovaJob

#: What libvirt has for "no limit".
LIBVIRTS = 8796093022207


class Domain:
    """A libvirt domain that takes a bandwidth limit, or does not."""

    def __init__(self, error=None, before=LIBVIRTS):
        self.speeds = []
        self._error = error
        self._before = before

    def migrateGetMaxSpeed(self):
        return self.speeds[-1] if self.speeds else self._before

    def migrateSetMaxSpeed(self, mib_s):
        if self._error:
            raise self._error
        self.speeds.append(mib_s)


def job(domain, bandwidth_mib_s=0):
    return NovaJob(
        driver=None,
        guest=SimpleNamespace(_domain=domain),
        instance=None,
        migration=None,
        plan=StartPlan(False, False, bandwidth_mib_s, None),
        finished=lambda: False,
        on_failure=deque(),
        save_every_s=5,
    )


@pytest.mark.parametrize(
    ("state", "stopped"),
    [
        ([libvirt.VIR_DOMAIN_RUNNING, 1], False),
        (
            [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION],
            True,
        ),
        (
            [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER],
            None,
        ),
        (RuntimeError("no connection"), None),
    ],
)
def test_a_guest_in_its_switchover_stands_still(state, stopped):
    domain = Domain()
    domain.jobStats = lambda: {
        "type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED,
        "memory_total": 1,
    }
    domain.state = Mock(side_effect=[state])
    assert job(domain).sample(1.0).stopped is stopped


def test_bandwidth_is_told_in_libvirts_unit():
    domain = Domain()
    job(domain).set_bandwidth(30)
    assert domain.speeds == [30]


def test_refused_bandwidth_says_what_was_asked_for():
    with pytest.raises(JobRefused, match="30 MiB/s was refused: no job"):
        job(Domain(RuntimeError("no job"))).set_bandwidth(30)


@pytest.mark.parametrize(("own", "back"), [(0, LIBVIRTS), (48, 48)])
def test_a_limit_is_lifted_to_what_the_job_was_started_with(own, back):
    domain = Domain()
    mine = job(domain, own)
    for mib_s in (30, 20, 0):
        mine.set_bandwidth(mib_s)
    assert domain.speeds == [30, 20, back]


@pytest.mark.parametrize("own", [0, 48])
def test_libvirt_keeps_no_limit_of_ours_for_the_next_migration(own):
    domain = Domain()
    mine = job(domain, own)
    mine.set_bandwidth(30)
    mine.release_speed()
    assert domain.speeds[-1] == (own or LIBVIRTS)
    mine.leave_speed()
    assert domain.speeds[-1] == LIBVIRTS


def test_a_speed_that_was_not_touched_is_left_alone():
    domain = Domain()
    job(domain).leave_speed()
    assert domain.speeds == []


def test_a_limit_that_stays_is_told(caplog):
    domain = Domain()
    mine = job(domain)
    mine.set_bandwidth(30)
    domain._error = RuntimeError("no connection")
    mine.leave_speed()
    assert "stays" in caplog.text and "no connection" in caplog.text


@pytest.mark.parametrize("refused", [False, True])
def test_a_job_without_the_postcopy_of_its_plan(refused, monkeypatch):
    """Neither the law nor a force-complete asks for it any more."""
    told = []
    monkeypatch.setattr(
        "nova_livemig_gpu.virt.job.libvirt_migrate.run_tasks",
        lambda *args: told.append(args[-1]),
    )
    own = NovaJob(
        driver=SimpleNamespace(active_migrations={}),
        guest=None,
        instance=None,
        migration=SimpleNamespace(status="running"),
        plan=StartPlan(True, False, 0, None),
        finished=lambda: False,
        on_failure=deque(),
        save_every_s=5,
        no_postcopy=lambda: refused,
    )
    own._save = lambda progress: None
    assert own.attend(Progress()).postcopy_failed is refused
    assert told == [not refused]


class Driver:
    """As Nova's, as far as a force-complete goes."""

    def __init__(self):
        self.active_migrations = {"u": deque()}

    def live_migration_force_complete(self, instance):
        self.active_migrations[instance.uuid].append("force-complete")


class Migration:
    def __init__(self):
        self.status = "running"

    def save(self):
        pass


def kept_job(departure, asked, postcopy=False, refuses=False):
    def abort():
        asked.append("abort")
        if refuses:
            raise RuntimeError("no connection")

    return NovaJob(
        driver=Driver(),
        guest=SimpleNamespace(
            abort_job=abort,
            pause=lambda: asked.append("pause"),
            migrate_start_postcopy=lambda: asked.append("post-copy"),
            get_job_info=lambda: SimpleNamespace(type=0),
        ),
        instance=SimpleNamespace(uuid="u"),
        migration=Migration(),
        plan=StartPlan(postcopy, False, 0, None),
        finished=lambda: False,
        on_failure=deque(),
        save_every_s=5,
        departure=departure,
    )


def progress(**sample):
    return Progress().advance(Sample(1.0, JobState.RUNNING, **sample))


SETTING_UP = progress(processed_bytes=0, disk_total_bytes=0)
COPYING_DISKS = progress(processed_bytes=0, disk_total_bytes=2**30)
UNKNOWN = progress()
FLOWING = progress(iteration=1, processed_bytes=4096)


@pytest.mark.parametrize(
    ("postcopy", "now", "done"),
    [
        (False, SETTING_UP, []),
        (False, COPYING_DISKS, ["pause"]),
        (False, FLOWING, ["pause"]),
        (True, SETTING_UP, []),
        (True, COPYING_DISKS, []),
        (True, FLOWING, ["post-copy"]),
        (True, progress(processed_bytes=1), ["post-copy"]),
        (False, UNKNOWN, ["pause"]),
    ],
)
def test_a_force_complete_that_was_kept_waits_until_it_can_be_done(
    postcopy, now, done
):
    departure, asked = Departure(), []
    departure.keep_force()
    mine = kept_job(departure, asked, postcopy)
    mine.attend(now)
    assert asked == done
    for _ in range(2):
        after = mine.attend(FLOWING)
    assert asked == ["post-copy" if postcopy else "pause"], "once"
    assert after.postcopy is postcopy and after.forced is not postcopy


def test_a_policy_forces_at_any_time_and_what_was_kept_is_the_same():
    departure, asked = Departure(), []
    departure.keep_force()
    mine = kept_job(departure, asked)
    mine.force_complete()
    mine.attend(SETTING_UP)
    mine.attend(FLOWING)
    assert asked == ["pause"]


@pytest.mark.parametrize("refuses", [False, True])
def test_an_abort_that_was_kept_is_done_at_the_first_look(refuses, caplog):
    departure, asked = Departure(), []
    departure.keep_abort()
    mine = kept_job(departure, asked, refuses=refuses)
    for _ in range(2):
        mine.attend(SETTING_UP)
    assert asked == ["abort"]
    assert mine.aborted is not refuses
    assert ("abort was refused: no connection" in caplog.text) is refuses
