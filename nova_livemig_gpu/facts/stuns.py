"""How long the vGPUs of each server here are expected to stop it.

Worked out by whoever can (prediction and its history stand above this
room), on the server's host, which knows the framebuffer in use; told to the
scheduler with each vGPU in use, as far as it is held against a budget
(``model.Stun.held_ms``): a guess is not.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from oslo_log import log as logging

from nova_livemig_gpu.model import ActiveVgpu, HostFacts, Stun

LOG = logging.getLogger(__name__)

#: UUID of a server, its vGPUs, all facts of its host -> the stun of all its
#: vGPUs together, over the host's link; None: unknown.
StunOf = Callable[[str, Sequence[ActiveVgpu], HostFacts], Stun | None]


def add(facts: HostFacts, stun_of: StunOf | None) -> HostFacts:
    """Return the facts with a stun for each server that has a vGPU.

    A prediction that fails leaves the stun of that server unknown, aloud.

    :param stun_of: None: nobody can tell
    """
    if not facts.active or stun_of is None:
        return facts
    of_server: dict[str, list[ActiveVgpu]] = defaultdict(list)
    for each in facts.active:
        of_server[each.server].append(each)
    stuns = {
        server: _held_ms(server, vgpus, facts, stun_of)
        for server, vgpus in of_server.items()
    }
    active = (replace(v, stun_ms=stuns[v.server]) for v in facts.active)
    return replace(facts, active=tuple(active))


def _held_ms(
    server: str,
    vgpus: Sequence[ActiveVgpu],
    facts: HostFacts,
    stun_of: StunOf,
) -> float | None:
    try:
        stun = stun_of(server, vgpus, facts)
    except Exception:
        LOG.exception("The stun of server %s cannot be predicted", server)
        return None
    return None if stun is None else stun.held_ms
