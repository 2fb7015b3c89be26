"""What a live migration to a host is expected to cost, relative to others.

    share = link of the host / (1 + running migrations there)
    cost  = memory / share + stun

in seconds. Every migration that already goes to or from the host takes an
equal share of its link; one pass over the server's memory is what it sends
at least, whatever it dirties; the stun is what its vGPUs stop it for, see
:mod:`.stun_check`. The source's own link is the same for all hosts and left
out of the first term.

A count that is unknown is taken as none, a link that is unknown as
``LINK_MBPS``, memory that is unknown as ``MEMORY_MIB``, a stun that is
unknown as none. Example: 16 GiB (137,439 Mbit) to a host with 25,000 Mbit/s
and one running migration take 11.0 s, with a stun of 0.7 s the cost is 11.7.
"""

from nova_livemig_gpu.facts.now import Load
from nova_livemig_gpu.model import Prediction
from nova_livemig_gpu.scheduler import stun_check
from nova_livemig_gpu.scheduler.needs import ServerNeeds

LINK_MBPS = 10_000
MEMORY_MIB = 1024

_MBIT_PER_MIB = 2**20 * 8 / 10**6


def cost(
    load: Load, needs: ServerNeeds, predicted: Prediction | None = None
) -> float:
    """Return the cost of a host in seconds; lower is better.

    :param predicted: of this server's migration to this host; its seconds
        and its pause take the place of the formula. None: not known
    """
    if predicted is not None and predicted.total_s is not None:
        return predicted.total_s + (predicted.downtime_ms or 0) / 1000
    running = (load.running_out or 0) + (load.running_in or 0)
    share_mbps = (load.link_mbps or LINK_MBPS) / (1 + running)
    memory_mbit = (needs.memory_mib or MEMORY_MIB) * _MBIT_PER_MIB
    return memory_mbit / share_mbps + _stun_s(load, needs)


def _stun_s(load: Load, needs: ServerNeeds) -> float:
    if needs.stun is None:
        return 0.0
    return stun_check.stun_ms(needs.stun, load.link_mbps) / 1000
