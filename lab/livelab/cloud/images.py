# SPDX-License-Identifier: Apache-2.0
"""Images whose guests write memory at a set rate, and their flavors."""

import hashlib
from pathlib import Path
from typing import Any

from livelab import agentguest, guest
from livelab.cloud.rest import Rest

FLAVORS = {"t256": 256, "t512": 512}
ROOT_DISK = bytes(1024 * 1024)
CONSOLE = "console=ttyS0 quiet panic=-1"


def flavors(rest: Rest) -> None:
    """t256 and t512: one processor, that many MiB, 1 GiB of disk."""
    listed = rest.get("nova-api", "/flavors")["flavors"]
    names = {flavor["name"] for flavor in listed}
    for name, ram in FLAVORS.items():
        if name not in names:
            body = {"name": name, "ram": ram, "vcpus": 1, "disk": 1}
            rest.post("nova-api", "/flavors", {"flavor": body})


def workload_image(
    rest: Rest,
    ws: int,
    rate: int,
    fill: int = 0,
    agent: bool = False,
    **parameters: object,
) -> str:
    """The id of an image for one load: found by its name, or made.

    ws MiB are rewritten at rate MiB/s, fill MiB hold still; parameters are
    more words for the guest: threads=2, pattern=..., verify=1. With agent it
    has QEMU's guest agent and a file system.
    """
    words = {"ws": ws, "rate": rate, "fill": fill, **parameters}
    words.setdefault("verify", 1)
    line = " ".join(f"{key}={value}" for key, value in words.items())
    files = agentguest.build() if agent else guest.build()
    properties = {
        "kernel_id": _file_image(rest, "aki", files.kernel),
        "ramdisk_id": _file_image(rest, "ari", files.initrd),
        "hw_video_model": "none",
        "os_command_line": f"{CONSOLE} {line}",
    }
    if agent:
        properties["hw_qemu_guest_agent"] = "yes"
    name = "load-" + "-".join(f"{key}{value}" for key, value in words.items())
    # Another guest of the same name, from an older checkout, is not ours.
    name += "-" + properties["ramdisk_id"][:8]
    return image(rest, name, "raw", "bare", ROOT_DISK, properties)


def _file_image(rest: Rest, kind: str, file: Path) -> str:
    data = file.read_bytes()
    name = f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}"
    return image(rest, name, kind, kind, data, {})


def image(
    rest: Rest,
    name: str,
    disk_format: str,
    container_format: str,
    data: bytes,
    properties: dict[str, str],
) -> str:
    found = rest.get("glance", f"/images?name={name}&status=active")["images"]
    if found:
        return str(found[0]["id"])
    body: dict[str, Any] = {
        "name": name,
        "disk_format": disk_format,
        "container_format": container_format,
        "visibility": "public",
        **properties,
    }
    image = str(rest.post("glance", "/images", body)["id"])
    rest.call(
        "PUT",
        "glance",
        f"/images/{image}/file",
        data=data,
        headers={"Content-Type": "application/octet-stream"},
    )
    return image
