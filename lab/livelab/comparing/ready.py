# SPDX-License-Identifier: Apache-2.0
"""Wait for computes that were restarted to be done with their start."""

import time

from livelab.cloud import sql
from livelab.cloud.site import Site
from livelab.errors import LabError

POLL_S = 0.5
REPORTING = (
    "select count(*) from nova.services where `binary` = 'nova-compute' "
    "and deleted = 0 and last_seen_up > %s"
)


def wait(site: Site, timeout: float = 90) -> None:
    """Until each compute has reported once more; raises LabError.

    A compute reports only after its start. While it starts it takes
    servers that migrate for left-overs of a crash and clears their task:
    a migration that was asked for too early ends in ERROR. The broker
    and the database believe a little longer in the process before it.
    """
    ((now,),) = sql.query(site, "select utc_timestamp()")
    limit = time.monotonic() + timeout
    while sql.query(site, REPORTING, now) != [(len(site.computes),)]:
        if time.monotonic() > limit:
            raise LabError(f"computes: not up in {timeout:.0f} s")
        time.sleep(POLL_S)
