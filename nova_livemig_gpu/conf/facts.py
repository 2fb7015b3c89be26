"""What a compute host tells of itself, and how long it may take."""

from oslo_config import cfg

OPTS = [
    cfg.FloatOpt(
        "gpu_call_timeout_s",
        default=5.0,
        min=0.1,
        max=60.0,
        help="""
How many seconds nova-compute waits for an answer of NVML or the kernel on
its GPUs. A driver in trouble can keep a call for ever; after this time what
was asked is unknown, until the call is back. Nova's resource tracker and the
destination's checks of a live migration wait that long at most for each of a
few calls.

Possible values:

* 0.1 to 60 seconds; facts of 16 GPUs take some 20 ms where all is well
""",
    ),
    cfg.IntOpt(
        "link_mbps",
        min=1,
        max=10000000,
        mutable=True,
        help="""
Speed in Mbit/s of the link that live migrations come to this host by. It is
published for MigrationCostWeigher and for the predicted pause of a server
with a vGPU.

Possible values:

* unset: the speed that the kernel tells of the network device that has the
  address below, or that the bridge, bond or VLAN with it rests on; unknown
  where it does not tell, or where there is none (a veth, Open vSwitch)
* a number of Mbit/s, where the kernel does not know, or where the network
  between the hosts is slower than its interfaces

Related options:

* ``[libvirt] live_migration_inbound_addr``, without it ``[DEFAULT] my_ip``:
  the address
* ``migration_cost_weight_multiplier``
""",
    ),
]
