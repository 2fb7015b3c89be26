# SPDX-License-Identifier: Apache-2.0
"""How the cloud runs for Tempest's tests and for ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from livelab.checks.gpu_hosts import CONTROLLER
from livelab.cloud import disks
from livelab.cloud.client import Client
from livelab.cloud.fakes import Fakes
from livelab.cloud.ini import Sections, merge
from livelab.cloud.mode import Mode

# Tempest's tests ask for block migration: disks must not be shared.
LOCAL: Sections = {
    "DEFAULT": {"instances_path": disks.LOCAL_INSTANCES},
}
# One of Tempest's tests wants it; in DevStack's list it is, too.
DIFFERENT = "DifferentHostFilter"
STOCK_FILTERS: Sections = {
    "filter_scheduler": {
        "enabled_filters": f"ComputeFilter,ImagePropertiesFilter,{DIFFERENT}"
    }
}
REFUSED = "stranger"
OURS: Sections = {
    "DEFAULT": {"update_resources_interval": 3, "periodic_fuzzy_delay": 1},
    # The host that must be refused tells nothing of its CPU.
    "livemig_gpu": {"unknown_cpu": "refuse"},
}


def theirs(name: str) -> Mode:
    """For Tempest's tests: "stock" or "plugin", the latter with filters."""
    if name == "stock":
        return Mode("stock", LOCAL, STOCK_FILTERS)
    return Mode("plugin", LOCAL, _filters())


def _filters() -> Sections:
    ours = CONTROLLER["filter_scheduler"]["enabled_filters"]
    enabled = {"enabled_filters": f"{ours},{DIFFERENT}"}
    return merge(CONTROLLER, {"filter_scheduler": enabled})


def ours() -> Mode:
    """For our tests."""
    return Mode("plugin", merge(LOCAL, OURS), CONTROLLER)


@contextmanager
def refused_host(client: Client) -> Iterator[Sections]:
    """A host without a known CPU, which filters refuse; what tempest.conf
    says of it."""
    fakes = Fakes(client.site, client.rest, {REFUSED: {}})
    try:
        fakes.start()
        yield {
            "livemig_gpu": {
                "filters": True,
                "incompatible_host": REFUSED,
                "incompatible_code": "cpu.unknown",
            }
        }
    finally:
        fakes.stop()
