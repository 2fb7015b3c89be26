"""Commands to QEMU's monitor and to the agent in a server.

libvirt waits for their answers in C code. Where Nova runs on eventlet, that
would hold up all of nova-compute: there Nova has its connection to libvirt in
an ``eventlet.tpool.Proxy``, and with it each domain that comes of it
(``Host._wrap_libvirt_proxy`` in nova/virt/libvirt/host.py), so that calls of
their methods run in a thread of the operating system. The functions of
libvirt_qemu are no methods of a domain; here they are methods of an object
that is wrapped as its domain is.
"""

from typing import Any


def unwrapped(domain: Any) -> Any:
    """Return the domain that libvirt itself has made: its functions take
    nothing else."""
    return getattr(domain, "__dict__", {}).get("_obj", domain)


class Commands:
    """Of one domain. Made by :func:`to`."""

    def __init__(self, domain: Any) -> None:
        """:param domain: libvirt's own"""
        # Not on every host; libvirt does without it.
        import libvirt_qemu

        self._domain = domain
        self._functions = libvirt_qemu

    def agent(self, command: str, timeout_s: int) -> str:
        """Return the JSON that the server's agent answers.

        :raises libvirtError: no agent, or none that answers in time
        """
        answer: str = self._functions.qemuAgentCommand(
            self._domain, command, timeout_s, 0
        )
        return answer

    def monitor(self, command: str) -> str:
        """Return the JSON that QEMU answers.

        :raises libvirtError: QEMU has gone, or does not answer
        """
        answer: str = self._functions.qemuMonitorCommand(
            self._domain, command, 0
        )
        return answer


def to(domain: Any) -> Commands:
    """Return what gives commands to a domain, however Nova has wrapped it.

    :raises ImportError: libvirt-python is here without libvirt_qemu
    """
    own = unwrapped(domain)
    commands = Commands(own)
    if own is domain:
        return commands
    wrapped: Commands = type(domain)(commands)
    return wrapped
