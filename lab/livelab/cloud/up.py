# SPDX-License-Identifier: Apache-2.0
"""Bring the cloud up, from wherever it is now."""

from collections.abc import Callable

from livelab import guest
from livelab.cloud import (
    catalog,
    conf,
    database,
    disks,
    hypervisors,
    images,
    infra,
    mode,
    preflight,
    services,
    sql,
)
from livelab.cloud.mode import Mode
from livelab.cloud.rest import Rest
from livelab.cloud.service import Service
from livelab.cloud.site import Site
from livelab.cloud.stages import Stages
from livelab.vfio import contents

# The hosts' links: slow enough that a migration takes its time
RATE_MBIT = 400
# What both machines of VFIO or KVM hosts can take
VFIO_GIB = 2


def up(
    wanted: Mode | None = None,
    *,
    rate_mbit: int | None = RATE_MBIT,
    hosts: str | None = None,
    site: Site | None = None,
) -> None:
    """Start all that does not run; no-op when all is right.

    hosts is one of hypervisors.KINDS; None: those it had.

    Raises LabError with the service that failed and its last words.
    """
    site = site or Site()
    kind = hosts or hypervisors.of(site).kind
    up_already = site.controller.alive()
    preflight.check(VFIO_GIB if kind != "plain" and not up_already else 0)
    hypervisors.choose(site, kind)
    with Stages() as stages:
        _Up(site, stages).run(wanted or Mode(), rate_mbit)
        stages.total("The cloud is up")


class _Up:
    """The order of things."""

    def __init__(self, site: Site, stages: Stages) -> None:
        self.site = site
        self.stages = stages
        self.rest = Rest(site)
        self.hypervisors = hypervisors.of(site)
        self.vfio = self.hypervisors.kind != "plain"

    def run(self, wanted: Mode, rate_mbit: int | None) -> None:
        self.stages.run("hosts", lambda: self._hosts(wanted, rate_mbit))
        if self.vfio:
            self.stages.run("image of machines", self.hypervisors.prepare)
            self.stages.run("machines started", self.hypervisors.start)
        self.stages.lanes(
            [("MariaDB", self._mariadb)],
            [("RabbitMQ, memcached", self._buses)],
            *([] if self.vfio else [[("libvirtd", self._libvirtds)]]),
        )
        if not database.synced(self.site):
            self._databases()
        if self.vfio:
            self.stages.run("machines", self.hypervisors.wait_ready)
            self.hypervisors.shape(rate_mbit)
        self._openstack()

    def _hosts(self, wanted: Mode, rate_mbit: int | None) -> None:
        self.site.network.up()
        if not self.vfio:
            # Before nova.conf is written, which names the rate.
            self.hypervisors.shape(rate_mbit)
        for host in self.site.computes:
            disks.make_local(host)
        conf.write_all(self.site, wanted)
        mode.save(self.site.state, wanted)

    def _mariadb(self) -> None:
        infra.install_mariadb(self.site)
        _start([infra.mariadb(self.site)])

    def _buses(self) -> None:
        _start([infra.rabbitmq(self.site), infra.memcached(self.site)])

    def _libvirtds(self) -> None:
        self.hypervisors.start()
        self.hypervisors.wait_ready()

    def _databases(self) -> None:
        """Two lanes: the schemas are long, and there are two cores."""

        def step(function: Callable[[Site], None]) -> Callable[[], None]:
            return lambda: function(self.site)

        self.stages.lanes(
            [
                ("database: Keystone", step(database.sync_keystone)),
                ("database: Placement", step(database.sync_placement)),
                ("database: Glance", step(database.sync_glance)),
                ("database: Neutron", step(database.sync_neutron)),
            ],
            [("database: Nova", step(database.sync_nova))],
        )
        database.mark_synced(self.site)

    def _openstack(self) -> None:
        site = self.site
        apis = services.apis(site)
        nova = services.nova_controllers(site)
        computes = services.nova_computes(site)
        _ensure(apis)
        self.stages.run("Keystone", lambda: services.wait(apis[:1]))
        self.stages.run("catalog", lambda: catalog.fill(site, self.rest))
        # Conductor and computes ask Placement when they start; a compute
        # that asks a conductor too early asks again after ten seconds.
        self.stages.run("Placement", lambda: services.wait(apis[1:2]))
        _ensure(nova)
        self.stages.run("conductor", lambda: services.wait(nova[:1]))
        _ensure(computes)
        self.stages.lanes(
            [("Glance, Neutron, Nova APIs", lambda: self._apis(apis))],
            [("scheduler", lambda: services.wait(nova))],
            [("computes", lambda: services.wait(computes))],
            *([] if self.vfio else [[("guest kernel, load", _build_guest)]]),
        )
        self.stages.run("images, flavors, cells", self._contents)

    def _apis(self, apis: list[Service]) -> None:
        services.wait(apis)
        # Neutron 29 fails its first question for ports (a mapper that is
        # not configured yet) unless it was asked something else before.
        self.rest.get("neutron", "/networks")
        self.rest.get("neutron", "/ports")

    def _contents(self) -> None:
        mapped = sql.query(
            self.site, "select count(*) from nova_api.host_mappings"
        )
        if mapped != [(len(self.site.computes),)]:
            database.discover_hosts(self.site)
        if self.vfio:
            contents.fill(self.rest)
            return
        images.flavors(self.rest)
        images.workload_image(self.rest, ws=16, rate=2)


def _ensure(wanted: list[Service]) -> None:
    for service in wanted:
        service.ensure()


def _start(wanted: list[Service]) -> None:
    _ensure(wanted)
    services.wait(wanted)


def _build_guest() -> None:
    guest.build()
