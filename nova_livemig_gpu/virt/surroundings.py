"""What is known of a server and its host before a migration starts."""

from typing import Any

import nova.conf

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.migration import budget
from nova_livemig_gpu.migration.overhead import overhead_ms
from nova_livemig_gpu.migration.record import Records
from nova_livemig_gpu.model import Budget, Surroundings
from nova_livemig_gpu.virt import postcopy, settings

CONF = nova.conf.CONF

_RECORDS_READ = 40


def look(
    driver: Any,
    options: Options,
    records: Records,
    instance: Any,
    guest: Any,
    migrate_data: Any,
) -> Surroundings:
    """Return what a policy may know."""
    return Surroundings(
        overhead_ms=overhead_ms(
            records.latest(_RECORDS_READ), options.switchover_overhead_ms
        ),
        no_postcopy=_no_postcopy(driver, instance, guest, migrate_data),
        vfio=postcopy.has_vfio(guest),
        staircase=settings.staircase(CONF.libvirt, instance.flavor.memory_mb),
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
    driver: Any, instance: Any, guest: Any, migrate_data: Any
) -> str | None:
    flags = driver._get_migration_flags(migrate_data.block_migration)
    return postcopy.obstacle(
        driver,
        instance,
        guest,
        flags,
        file_backed=CONF.libvirt.file_backed_memory > 0,
    )
