# SPDX-License-Identifier: Apache-2.0
"""QEMU refuses the migration at its start.

QEMU does not migrate with an image open whose format keeps state in memory
(VDI here). One is opened behind libvirt's back, and closed again later; the
guest knows nothing of it.
"""

import json

from livelab import command
from livelab.checks import common
from livelab.checks.trial import Notes, Trial
from livelab.checks.world import World
from livelab.hosts import Host

NODE = "blocker"


def run(world: World, notes: Notes) -> None:
    server = world.server()
    host = world.site.network[server.host or ""]
    block(world, host, server.id)
    trip = world.migrate(server)
    common.stays(world, notes, trip, ("failed", "error"), "migrat")
    _ask(world, host, server.id, "blockdev-del", {"node-name": NODE})
    common.moves_again(world, notes, trip)


def block(world: World, host: Host, server_id: str) -> None:
    """Open an image that QEMU cannot migrate, until the trial is over."""
    image = world.site.state / "blocker.vdi"
    command.run(["qemu-img", "create", "-f", "vdi", str(image), "1M"])
    node = {
        "node-name": NODE,
        "driver": "vdi",
        "read-only": False,
        "file": {"driver": "file", "filename": str(image)},
    }
    _ask(world, host, server_id, "blockdev-add", node)
    world.undo.callback(image.unlink)
    world.undo.callback(
        _ask, world, host, server_id, "blockdev-del", {"node-name": NODE}
    )


def _ask(
    world: World,
    host: Host,
    server_id: str,
    execute: str,
    arguments: dict[str, object],
) -> str:
    words = json.dumps({"execute": execute, "arguments": arguments})
    return world.virsh(
        host, "qemu-monitor-command", server_id, words, check=False
    )


TRIAL = Trial("refused", "QEMU refuses at start: an image it cannot move", run)
