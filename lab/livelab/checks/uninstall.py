# SPDX-License-Identifier: Apache-2.0
"""The driver is set back to Nova's: what is left of the plugin?"""

import json
from typing import Any

from livelab.checks import gpu_hosts, mixed
from livelab.checks.trial import Notes, Trial
from livelab.checks.world import BASE, IDLE, World
from livelab.cloud import computes, conf, sql
from livelab.cloud.ini import merge
from livelab.cloud.mode import Mode
from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.facts.traits import PREFIX

UPDATES_S = 60


def run(world: World, notes: Notes) -> None:
    """Hosts with GPUs, a server that was migrated; then back to Nova."""
    server = world.server(IDLE)
    mixed.arrives(world, notes, world.migrate(server))
    hosts = [host.name for host in world.site.computes]
    world.wait(
        lambda: all(ours(world, host) for host in hosts),
        "facts in the hosts' stats",
        UPDATES_S,
    )
    world.wait(
        lambda: all(traits(world).get(host) for host in hosts),
        f"traits {PREFIX}*",
        UPDATES_S,
    )
    notes.show("traits with the plugin", traits(world))
    world.say("Nova's driver again")
    options = merge(BASE, gpu_hosts.OPTIONS)
    del options["livemig_gpu"]
    computes.use(Mode("stock", options), site=world.site)
    began = sql.query(world.site, "select utc_timestamp()")[0][0]
    world.wait(
        lambda: all(updated(world, host) >= began for host in hosts),
        "an update of each host",
        UPDATES_S,
    )
    left = {host: ours(world, host) for host in hosts}
    notes.expect(
        "stats are gone with the first update", not any(left.values()), left
    )
    notes.show("traits that Nova keeps", traits(world))
    said = forget(world)
    notes.show("`nova-livemig-gpu forget`", said)
    known = _known(world)
    notes.expect(
        "no trait is left on a host", not traits(world), traits(world)
    )
    notes.expect(f"no trait {PREFIX}* is left at all", not known, known)
    mixed.arrives(world, notes, world.migrate(server))
    said = forget(world)
    notes.expect("nothing comes back", said.startswith("0 traits"), said)


def ours(world: World, host: str) -> list[str]:
    """Which of our keys Nova's database has in the stats of a host."""
    stats, _ = _node(world, host)
    return sorted(set(stats) & set(codec.KEYS))


def updated(world: World, host: str) -> Any:
    """When its compute wrote what it has; UTC."""
    return _node(world, host)[1]


def _node(world: World, host: str) -> tuple[dict[str, Any], Any]:
    rows = sql.query(
        world.site,
        "select stats, updated_at from nova.compute_nodes "
        "where host = %s and deleted = 0",
        host,
    )
    return json.loads(rows[0][0] or "{}"), rows[0][1]


def traits(world: World) -> dict[str, list[str]]:
    """Our traits in Placement, by host; hosts without are left out."""
    get = world.client.rest.get
    found = {}
    for one in get("placement", "/resource_providers")["resource_providers"]:
        path = f"/resource_providers/{one['uuid']}/traits"
        has = [t for t in _get(world, path) if t.startswith(PREFIX)]
        if has:
            found[one["name"].rstrip(".")] = sorted(has)
    return found


def _known(world: World) -> list[str]:
    return _get(world, f"/traits?name=startswith:{PREFIX}")


def _get(world: World, path: str) -> list[str]:
    version = {"OpenStack-API-Version": "placement 1.18"}
    found = world.client.rest.call("GET", "placement", path, headers=version)
    return list(found["traits"])


def forget(world: World) -> str:
    """What the operator's command says, its last line."""
    site = world.site
    done = site.controller.run(
        [
            *[f"{site.venv}/bin/nova-livemig-gpu", "forget"],
            *["--config-file", str(conf.nova_file(site))],
        ],
        env=site.program_env,
    )
    return done.stdout.strip().splitlines()[-1]


TRIAL = Trial(
    "uninstall",
    "compute_driver back to Nova's; traits and stats",
    run,
    stock=False,
    prepare=gpu_hosts.prepare,
)
