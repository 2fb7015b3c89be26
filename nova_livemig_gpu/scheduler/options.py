"""Nova's configuration with our options in it, for the scheduler."""

import nova.conf

from nova_livemig_gpu import conf
from nova_livemig_gpu.conf.scheduler import Rules, load_rules

CONF = nova.conf.CONF
conf.register_opts(CONF)


def rules() -> Rules:
    """Return what the filters go by now."""
    return load_rules(CONF)


def cost_multiplier() -> float:
    """Return the weigher's multiplier as it is configured now."""
    value: float = CONF.livemig_gpu.migration_cost_weight_multiplier
    return value
