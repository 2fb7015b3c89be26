"""Servers with a VFIO device: vGPUs and passed-through PCI devices."""

from oslo_config import cfg

OPTS = [
    cfg.IntOpt(
        "device_channels",
        default=4,
        min=0,
        max=255,
        mutable=True,
        help="""
Connections that memory and device state of a server with a VFIO device are
sent over side by side (multifd, without compression).

They are used where QEMU at both ends is 10.0 or newer and the server's
machine type is, too; QEMU sends device state over one connection otherwise.

Possible values:

* 0 or 1: one connection, unless
  ``[libvirt] live_migration_parallel_connections`` asks for more
""",
    ),
    cfg.IntOpt(
        "switchover_bandwidth_mbps",
        min=8,
        max=10000000,
        mutable=True,
        help="""
What the link carries while a server with a VFIO device is stopped, in
Mbit/s; a rough figure does, since the downtime limit is set accordingly.

QEMU stops a server when what is left fits into bandwidth times downtime
limit, and takes for bandwidth what it has just measured: next to nothing
where only the device is left to be sent. Some devices never switch over
without this. It needs libvirt 11.1 and QEMU 8.2; older ones are not told.

Possible values:

* unset: ``bandwidth_mbps``, else 1000

Related options:

* ``bandwidth_mbps``
""",
    ),
    cfg.BoolOpt(
        "clean_mdevs",
        default=True,
        mutable=True,
        help="""
Destroy a mediated device that an incoming live migration was meant to fill
and did not, and make it anew under the same UUID for the next try.

Such a device can be stuck: every next migration to it fails with "Bad file
descriptor". Only devices that Nova itself had claimed for that migration
are renewed, and only when no server has them. What was defined, by Nova or
by an operator (mdevctl), stays defined.
""",
    ),
    cfg.BoolOpt(
        "queue_vgpu_migrations",
        default=True,
        mutable=True,
        help="""
Let servers with a VFIO device leave this host one at a time, whatever
``[DEFAULT] max_concurrent_live_migrations`` says: a device's state is sent
while its server stands still, and half the bandwidth is twice the pause.

The others wait, first come, first served; their migrations are shown as
``queued`` and can be aborted. A waiting one counts as one of Nova's
concurrent migrations.

Related options:

* ``vgpu_wait_s``
* ``[DEFAULT] max_concurrent_live_migrations``
""",
    ),
    cfg.IntOpt(
        "vgpu_wait_s",
        default=1800,
        min=0,
        max=86400,
        mutable=True,
        help="""
Seconds that the migration of a server with a VFIO device waits at most for
those of others (see ``queue_vgpu_migrations``). After that it goes beside
them, as it would in Nova, and the log says so.

Possible values:

* 0: none waits
* 1 to 86400

Related options:

* ``queue_vgpu_migrations``
""",
    ),
]
