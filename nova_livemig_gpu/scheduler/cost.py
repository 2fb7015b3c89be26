"""What a live migration to a host is expected to cost, relative to others.

    cost = (1 + running migrations there) / link

Every migration that already goes to or from the host takes an equal share of
its link, so the cost is proportional to the time in which this one's data
arrive. A count that is unknown is taken as none, a link that is unknown as
``LINK_MBPS``. Example: 25,000 Mbit/s and one running migration cost 2/25 of
what an idle host with 1,000 Mbit/s costs: 0.08 against 1 (in Gbit/s).

With a prediction its seconds and its pause take the place of this formula:
give :func:`cost` the prediction, and the rest stays.
"""

from nova_livemig_gpu.facts.now import Load
from nova_livemig_gpu.model import Prediction

LINK_MBPS = 10_000


def cost(load: Load, predicted: Prediction | None = None) -> float:
    """Return the cost of a host; lower is better.

    :param predicted: of this server's migration to this host; None: not
        known
    """
    if predicted is not None and predicted.total_s is not None:
        return predicted.total_s + (predicted.downtime_ms or 0) / 1000
    running = (load.running_out or 0) + (load.running_in or 0)
    return (1 + running) * 1000 / (load.link_mbps or LINK_MBPS)
