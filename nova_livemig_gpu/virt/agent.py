"""The guest agent of a server on this host.

What arrives here frozen is thawed, and ``resume_command`` is run in it; the
source, which has quiesced it, cannot reach it any more.
"""

import json
from typing import Any

import libvirt
from oslo_log import log as logging

from nova_livemig_gpu.migration import hook_quiesce
from nova_livemig_gpu.virt import commands

LOG = logging.getLogger(__name__)

_PATIENCE_S = 5
_FROZEN = "frozen"


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


def _thaw(host: Any, server: str, needed: bool) -> list[str]:
    """:param needed: an agent that knows nothing of freezing is an error"""
    status = hook_quiesce.plain("guest-fsfreeze-status")
    try:
        told = json.loads(ask(host, server, status, _PATIENCE_S))
    except libvirt.libvirtError:
        if needed:
            raise
        return []
    if told.get("return") != _FROZEN:
        return []
    thaw = hook_quiesce.plain("guest-fsfreeze-thaw")
    ask(host, server, thaw, _PATIENCE_S)
    return ["its file systems were thawed"]
