"""The guest agent of a server on this host.

What arrives here frozen is thawed, and ``resume_command`` is run in it; the
source, which has quiesced it, cannot reach it any more.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import libvirt
from oslo_log import log as logging

from nova_livemig_gpu import foreign
from nova_livemig_gpu.migration import hook_quiesce
from nova_livemig_gpu.virt import commands, errors

LOG = logging.getLogger(__name__)

_PATIENCE_S = 5
#: An agent that does not answer is asked again so often; its channel may not
#: be connected yet.
_TRIES = 20
#: Between two tries; a little more each time.
_TRY_S = 0.5


def ask(host: Any, server: str, command: str, timeout_s: int) -> str:
    """Return the JSON that the agent answers.

    :param host: Nova's ``Host``
    :raises libvirtError: no such server, or no agent that answers in time
    """
    domain = host.get_connection().lookupByUUIDString(server)
    return commands.to(domain).agent(command, timeout_s)


def resume(host: Any, server: str, resume_command: str) -> str | None:
    """Thaw a server that has arrived frozen, and run the command.

    :returns: what was done; None: there was nothing to do
    :raises Exception: the agent could not be asked, the command has failed
    """
    done = _thaw(host, server, needed=not resume_command)
    if resume_command:
        hook_quiesce.run(
            lambda text, limit_s: ask(host, server, text, limit_s),
            resume_command,
        )
        done.append(f"{resume_command} was run")
    return " and ".join(done) or None


def resume_patiently(
    host: Any,
    server: str,
    resume_command: str,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """The same, for two or three minutes; for a thread. Never raises.

    :returns: whether the server needs nobody any more: it is resumed, not
        on this host, or has no agent that could have quiesced it
    """
    last: Exception | None = None
    for number in range(_TRIES):
        try:
            done = resume(host, server, resume_command)
        except Exception as exc:
            if errors.no_such_domain(exc) or errors.no_agent(exc):
                return True
            last = exc
            sleep(_TRY_S * (number + 1))
            continue
        if done is not None:
            LOG.info("After its migration %s", done, instance_uuid=server)
        return True
    LOG.warning(
        "Its agent does not answer: %s. If this server was quiesced, it may "
        "still be so: thaw it (virsh domfsthaw), or reboot it.",
        foreign.cut(str(last)),
        instance_uuid=server,
    )
    return False


def _thaw(host: Any, server: str, needed: bool) -> list[str]:
    """:param needed: an agent that knows nothing of freezing is an error"""
    status = hook_quiesce.plain("guest-fsfreeze-status")
    try:
        told = json.loads(ask(host, server, status, _PATIENCE_S))
    except libvirt.libvirtError:
        if needed:
            raise
        return []
    if told.get("return") != hook_quiesce.FROZEN:
        return []
    thaw = hook_quiesce.plain("guest-fsfreeze-thaw")
    ask(host, server, thaw, _PATIENCE_S)
    return ["its file systems were thawed"]
