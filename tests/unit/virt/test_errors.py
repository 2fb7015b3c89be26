"""Which errors of libvirt mean what."""

import libvirt
import pytest

from nova_livemig_gpu.virt import errors

SET = "internal error: unable to execute QEMU command "


def error(text):
    found = libvirt.libvirtError(text)
    found.err = (1, 10, text, 2, "", "", "", -1, -1)
    return found


@pytest.mark.parametrize(
    "text",
    [
        # QEMU 10.0: migration/options.c, migration/postcopy-ram.c and
        # hw/virtio/vhost-user.c
        f"{SET}'migrate-set-capabilities': Postcopy is not supported: "
        "Userfaultfd not available: Operation not permitted",
        f"{SET}'migrate-set-capabilities': Postcopy is not supported: "
        "vhost-user backend not capable of postcopy",
        f"{SET}'migrate-set-capabilities': Postcopy is not supported: Host "
        "backend files need to be TMPFS or HUGETLBFS only",
        f"{SET}'migrate-set-capabilities': Postcopy is not yet compatible "
        "with multifd",
        f"{SET}'migrate-set-capabilities': Postcopy is not compatible with "
        "ignore-shared",
        # before QEMU 8.1 the reason was in QEMU's log alone
        f"{SET}'migrate-set-capabilities': Postcopy is not supported",
        f"{SET}'migrate': VFIO migration is not supported with postcopy "
        "migration",
        # libvirt: src/qemu/qemu_migration.c, qemu_migration_params.c
        "argument unsupported: Migration option 'postcopy-ram' is not "
        "supported by QEMU binary",
        "argument unsupported: post-copy is not supported with tunnelled "
        "migration",
        "argument unsupported: post-copy migration is not supported with "
        "non-live or paused migration",
    ],
)
def test_refused_for_postcopy(text):
    assert errors.postcopy_refused(error(text))
    assert not errors.postcopy_refused(ValueError(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "operation failed: job 'migration in' failed in post-copy phase",
        "operation failed: job 'migration out' failed: Unable to write to "
        "socket: Broken pipe",
        "operation aborted: migration out: canceled by client",
        f"{SET}'migrate-set-capabilities': There's a migration process in "
        "progress",
        f"{SET}'migrate-start-postcopy': Enable postcopy with "
        "migrate_set_capability before the start of migration",
        "Requested operation is not valid: post-copy can only be started "
        "while outgoing migration is in progress",
        "Requested operation is not valid: switching to post-copy requires "
        "migration to be started with VIR_MIGRATE_POSTCOPY flag",
        "internal error: QEMU unexpectedly closed the monitor: "
        "postcopy_ram_incoming_setup: Failed to open userfault fd",
        "operation failed: guest CPU doesn't match specification: missing "
        "features: avx2",
    ],
)
def test_not_refused_for_postcopy(text):
    assert not errors.postcopy_refused(error(text))


@pytest.mark.parametrize(
    ("state", "left"),
    [
        ([libvirt.VIR_DOMAIN_RUNNING, 1], False),
        (
            [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER],
            False,
        ),
        (
            [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION],
            True,
        ),
        (
            [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY],
            True,
        ),
        ([libvirt.VIR_DOMAIN_PAUSED], False),
    ],
)
def test_left_by_migration(state, left):
    assert errors.left_by_migration(state) is left
