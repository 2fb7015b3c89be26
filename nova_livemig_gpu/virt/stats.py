"""libvirt's job statistics -> Sample.

Keys: ``VIR_DOMAIN_JOB_*`` in libvirt's include/libvirt/libvirt-domain.h, as
the strings that libvirt-python returns. A key that is absent is unknown.
While the job is being set up libvirt reports zeros; a total of 0 means that
nothing is known of memory yet.
"""

from collections.abc import Mapping
from typing import Any

import libvirt

from nova_livemig_gpu.model import JobState, Sample

_STATES = {
    libvirt.VIR_DOMAIN_JOB_NONE: JobState.NONE,
    libvirt.VIR_DOMAIN_JOB_BOUNDED: JobState.RUNNING,
    libvirt.VIR_DOMAIN_JOB_UNBOUNDED: JobState.RUNNING,
    libvirt.VIR_DOMAIN_JOB_COMPLETED: JobState.COMPLETED,
    libvirt.VIR_DOMAIN_JOB_FAILED: JobState.FAILED,
    libvirt.VIR_DOMAIN_JOB_CANCELLED: JobState.CANCELLED,
}
_TYPES = {state: kind for kind, state in _STATES.items()}
_TYPES[JobState.RUNNING] = libvirt.VIR_DOMAIN_JOB_UNBOUNDED


def job_type(state: JobState) -> int:
    """Return libvirt's ``VIR_DOMAIN_JOB_*`` number of a state."""
    return int(_TYPES[state])


def to_sample(stats: Mapping[str, Any], t_s: float) -> Sample:
    """Parse ``virDomainGetJobStats``.

    :param t_s: when it was read, seconds since the loop began
    """
    state = _STATES.get(
        stats.get("type", libvirt.VIR_DOMAIN_JOB_NONE), JobState.NONE
    )
    total = _count(stats, "memory_total")
    if not total:
        return Sample(
            t_s,
            state,
            elapsed_ms=_count(stats, "time_elapsed"),
            downtime_ms=_count(stats, "downtime"),
            disk_total_bytes=_count(stats, "disk_total"),
            disk_remaining_bytes=_count(stats, "disk_remaining"),
        )
    page = _count(stats, "memory_page_size")
    dirty_pages = _count(stats, "memory_dirty_rate")
    return Sample(
        t_s,
        state,
        iteration=_count(stats, "memory_iteration"),
        total_bytes=total,
        processed_bytes=_count(stats, "memory_processed"),
        remaining_bytes=_count(stats, "memory_remaining"),
        memory_bps=_count(stats, "memory_bps"),
        dirty_bps=(
            dirty_pages * page
            if dirty_pages is not None and page is not None
            else None
        ),
        page_size_bytes=page,
        normal_pages=_count(stats, "memory_normal"),
        zero_pages=_count(stats, "memory_constant"),
        postcopy_requests=_count(stats, "memory_postcopy_requests"),
        throttle_percent=_count(stats, "auto_converge_throttle"),
        downtime_ms=_count(stats, "downtime"),
        setup_ms=_count(stats, "setup_time"),
        elapsed_ms=_count(stats, "time_elapsed"),
        vfio_bytes=_count(stats, "vfio_data_transferred"),
        disk_total_bytes=_count(stats, "disk_total"),
        disk_remaining_bytes=_count(stats, "disk_remaining"),
    )


def _count(stats: Mapping[str, Any], key: str) -> int | None:
    value = stats.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value
