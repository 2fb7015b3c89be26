# SPDX-License-Identifier: Apache-2.0
"""Images and flavors for servers with one mediated device."""

from livelab.cloud import images
from livelab.cloud.rest import Rest
from livelab.vfio import sector
from livelab.vfio.sector import Load

FLAVORS = {"v64": 64, "v128": 128}
# How Nova's scheduler is asked for one
DEVICE = {"resources:VGPU": "1"}
QUIET = Load(fill_mib=16)
BUSY = Load(ws_mib=16, rate_mib_s=2, fill_mib=16)


def fill(rest: Rest) -> None:
    """Flavors v64 and v128, images for both loads."""
    listed = rest.get("nova-api", "/flavors")["flavors"]
    names = {flavor["name"] for flavor in listed}
    for name, ram in FLAVORS.items():
        if name in names:
            continue
        body = {"name": name, "ram": ram, "vcpus": 1, "disk": 1}
        made = rest.post("nova-api", "/flavors", {"flavor": body})["flavor"]
        rest.post(
            "nova-api",
            f"/flavors/{made['id']}/os-extra_specs",
            {"extra_specs": DEVICE},
        )
    for load in (QUIET, BUSY):
        image(rest, load)


def image(rest: Rest, load: Load) -> str:
    """The id of an image for one load: found by its name, or made."""
    return images.image(
        rest,
        f"sector-ws{load.ws_mib}-rate{load.rate_mib_s}-fill{load.fill_mib}",
        "raw",
        "bare",
        sector.disk(load),
        {"hw_video_model": "none"},
    )
