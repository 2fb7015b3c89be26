"""What libvirt's errors mean for a migration.

Errors are told apart by their code, not their class: Nova's own tests bring
their own ``libvirtError``.
"""

import re
from collections.abc import Sequence

import libvirt

from nova_livemig_gpu import foreign

_NOT_ENTERED = re.compile(
    r"Failed setting device state to (STOP|STOP_COPY|PRE_COPY\w*|RUNNING\w*)\b"
)

#: Why QEMU, or libvirt before it, refuses to start a migration that can be
#: switched to post-copy. QEMU looks when it is told the capability, at the
#: destination before the source begins (``migrate_caps_check`` in
#: migration/options.c, ``postcopy_ram_supported_by_host`` in
#: migration/postcopy-ram.c); libvirt has that as an internal error. What goes
#: wrong in post-copy later reads "... failed in post-copy phase".
_POSTCOPY_REFUSED = re.compile(
    r"migrate-set-capabilities\W.*post-?copy"
    r"|Postcopy is not (supported|yet compatible|compatible)"
    r"|VFIO migration is not supported with postcopy"
    r"|Migration option 'postcopy-ram' is not supported"
    r"|post-copy (migration )?is not supported with"
    r"|Userfaultfd not available"
    r"|vhost-user backend not capable of postcopy",
    re.IGNORECASE | re.DOTALL,
)


def code(error: BaseException) -> int | None:
    """Return libvirt's error code; None for any other error."""
    get = getattr(error, "get_error_code", None)
    return get() if callable(get) else None


def of_libvirt(error: BaseException) -> bool:
    """It is libvirt's, of whichever class."""
    return callable(getattr(error, "get_error_code", None))


def domain_gone(error: BaseException) -> bool:
    """The domain has left this host (``Guest.get_job_info`` in Nova)."""
    return code(error) in (
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_OPERATION_INVALID,
    )


def no_such_domain(error: BaseException) -> bool:
    """This host does not know the domain at all."""
    return code(error) in (libvirt.VIR_ERR_NO_DOMAIN,)


def no_agent(error: BaseException) -> bool:
    """The domain has no channel to a guest agent: ``qemuDomainAgentAvailable``
    in libvirt's src/qemu/qemu_domain.c. One that does not answer is another
    matter."""
    return code(error) in (libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,)


def no_job(error: BaseException) -> bool:
    """There is no job that could be aborted (``qemuDomainAbortJobFlags``
    and its like in libvirt's src/qemu/qemu_driver.c), or not in that state."""
    return bool(code(error) == libvirt.VIR_ERR_OPERATION_INVALID)


def job_in_between(error: BaseException) -> bool:
    """libvirt has a job without statistics yet (``Guest.get_job_info``)."""
    return code(
        error
    ) == libvirt.VIR_ERR_INTERNAL_ERROR and "no RAM info was set" in str(error)


def left_by_postcopy(state: Sequence[int]) -> bool:
    """Whether a domain stays behind, paused, while it runs elsewhere.

    :param state: of ``virDomainGetState``: state, reason
    """
    return (
        len(state) > 1
        and state[0] == libvirt.VIR_DOMAIN_PAUSED
        and state[1]
        in (
            libvirt.VIR_DOMAIN_PAUSED_POSTCOPY,
            libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED,
        )
    )


def left_by_migration(state: Sequence[int]) -> bool:
    """Whether a domain stands still for a migration of any kind.

    :param state: of ``virDomainGetState``: state, reason
    """
    if left_by_postcopy(state):
        return True
    return tuple(state[:2]) == (
        libvirt.VIR_DOMAIN_PAUSED,
        libvirt.VIR_DOMAIN_PAUSED_MIGRATION,
    )


def aborted(error: BaseException | None) -> bool:
    """Somebody asked for the job to be given up."""
    if error is None:
        return False
    return code(
        error
    ) == libvirt.VIR_ERR_OPERATION_ABORTED or "canceled by client" in str(
        error
    )


def unsupported(error: BaseException) -> bool:
    """libvirt or QEMU does not know a parameter; nothing has begun."""
    return code(error) in (
        libvirt.VIR_ERR_INVALID_ARG,
        libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
        libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
        libvirt.VIR_ERR_NO_SUPPORT,
    )


def postcopy_refused(error: BaseException) -> bool:
    """QEMU or libvirt does not start a migration for its post-copy; nothing
    has begun."""
    return of_libvirt(error) and bool(_POSTCOPY_REFUSED.search(str(error)))


def told(error: BaseException) -> str:
    """Return what a user is told of an error.

    A VFIO device of the source that does not enter a state (QEMU 10,
    ``vfio_migration_set_state`` in hw/vfio/migration.c: "Failed setting
    device state to STOP_COPY. Setting device in recover state STOP") may be
    reset by QEMU before the server runs on, and nothing tells whether it was.
    What a load says of the target's device is not meant: that one is thrown
    away.
    """
    text = foreign.cut(str(error) or type(error).__name__)
    if _NOT_ENTERED.search(text):
        return (
            "a device of the server did not enter a state; QEMU may have "
            "reset it, so that what was in it is lost although the server "
            f"runs on: look at it, or reboot the server: {text}"
        )
    return text
