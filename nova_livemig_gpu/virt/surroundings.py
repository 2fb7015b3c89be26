"""What is known of a server and its host before a migration starts."""

from dataclasses import replace
from typing import Any

import nova.conf

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.migration import budget
from nova_livemig_gpu.migration.overhead import overhead_ms
from nova_livemig_gpu.migration.record import Records
from nova_livemig_gpu.model import Budget, Surroundings
from nova_livemig_gpu.virt import channels, postcopy, settings

CONF = nova.conf.CONF

_RECORDS_READ = 40


def look(
    driver: Any,
    options: Options,
    records: Records,
    instance: Any,
    guest: Any,
    migrate_data: Any,
    context: Any,
    dest: str | None,
) -> Surroundings:
    """Return what a policy may know, but for the devices.

    :param dest: None: not chosen yet, or not known
    """
    return Surroundings(
        overhead_ms=overhead_ms(
            records.latest(_RECORDS_READ), options.switchover_overhead_ms
        ),
        no_postcopy=_no_postcopy(
            driver, instance, guest, migrate_data, context, dest
        ),
        vfio=postcopy.has_vfio(guest),
        staircase=settings.staircase(CONF.libvirt, instance.flavor.memory_mb),
    )


def with_devices(
    around: Surroundings,
    driver: Any,
    options: Options,
    context: Any,
    dest: str,
    guest: Any,
    migrate_data: Any,
    bandwidth_mbps: int | None,
) -> Surroundings:
    """Add how the state of VFIO devices can be sent.

    :param bandwidth_mbps: what the migration may send; None: no limit
    """
    if not around.vfio:
        return around
    why = None
    if options.device_channels > 1:
        why = channels.no_channels(
            driver,
            context,
            dest,
            guest.get_xml_desc(),
            driver._get_migration_flags(migrate_data.block_migration),
        )
    wanted = options.device_channels > 1 and why is None
    return replace(
        around,
        channels=options.device_channels if wanted else None,
        no_channels=why,
        switchover_mib_s=channels.switchover_mib_s(
            driver._host, options.switchover_bandwidth_mbps, bandwidth_mbps
        ),
    )


def budget_of(options: Options, context: Any, instance: Any) -> Budget:
    """Return the settings of a server."""
    return budget.resolve(
        options,
        settings.nova_defaults(CONF.libvirt, instance.flavor.memory_mb),
        settings.extra_specs(context, instance),
        settings.image_properties(instance),
    )


def _no_postcopy(
    driver: Any,
    instance: Any,
    guest: Any,
    migrate_data: Any,
    context: Any,
    dest: str | None,
) -> str | None:
    flags = driver._get_migration_flags(migrate_data.block_migration)
    return postcopy.obstacle(
        driver,
        instance,
        guest,
        flags,
        file_backed=CONF.libvirt.file_backed_memory > 0,
        destination_qemu=(
            None
            if dest is None
            else lambda: channels.qemu_version(context, dest)
        ),
    )
