"""What the scheduler's filters and weigher do, above all with unknowns."""

import textwrap
from dataclasses import dataclass, fields

from oslo_config import cfg

_STRICTNESS = [
    ("refuse", "the host is left out"),
    ("warn", "the host is taken, and the scheduler's log says so"),
    ("allow", "the host is taken"),
]


def _unknown(name: str, default: str, what: str, more: str = "") -> cfg.Opt:
    first = textwrap.fill(
        "What the scheduler does with a host for a live migration of which "
        f"it does not know {what}.",
        width=76,
        break_on_hyphens=False,
    )
    return cfg.StrOpt(
        name,
        default=default,
        choices=_STRICTNESS,
        mutable=True,
        help=f"""
{first}
{more}
Related options:

* ``[filter_scheduler] enabled_filters``
""",
    )


OPTS = [
    _unknown(
        "unknown_facts",
        "refuse",
        "its GPUs, or not what the server's vGPU is",
        """
It decides for servers with a vGPU only: a host without this package, one
whose GPUs could not be read, and a source host that has not told which vGPU
the server has.
""",
    ),
    _unknown(
        "unknown_cpu",
        "warn",
        "the CPU, or not the CPU that the server has",
        """
libvirt compares the server's CPU at the destination before anything is sent,
and so does Nova's compute service unless skip_cpu_compare_on_dest in
[workarounds] is set, so that hosts without this package can stay usable for
servers without a GPU.
""",
    ),
    _unknown("unknown_board", "refuse", "the board of a GPU"),
    _unknown("unknown_driver", "refuse", "the version of the GPU driver"),
    _unknown(
        "unknown_gpu_mode",
        "warn",
        "ECC, MIG mode or host vGPU mode of a GPU",
        """
Many boards have no ECC or no MIG mode and report neither. A mode that is
unknown at both ends counts as equal.
""",
    ),
    _unknown(
        "unknown_migratable",
        "warn",
        "whether its kernel or driver can migrate vGPUs",
        """
Kernels do not tell it for every mediated device.
""",
    ),
    _unknown(
        "unknown_capacity",
        "warn",
        "how many vGPUs of the server's type it can still create",
        """
What is certain needs no option. The kernel tells only, of free virtual
functions, that one more vGPU fits; beyond that one it is unknown. Placement
counts vGPUs, too.
""",
    ),
    cfg.StrOpt(
        "driver_match",
        default="equal",
        choices=[
            ("equal", "the same version at both ends"),
            ("branch", "the same branch: the number before the first dot"),
            ("not_older", "the destination's is the same or newer"),
            ("any", "whatever; the destination asks NVML"),
        ],
        mutable=True,
        help="""
Which GPU drivers a vGPU server may be migrated between. The vGPU manager is
held to the same rule where both hosts tell its version.

Related options:

* ``unknown_driver``
""",
    ),
    cfg.StrOpt(
        "board_match",
        default="part",
        choices=[
            ("part", "the same board part number; PCI IDs without NVML"),
            ("model", "the same product name and memory size"),
        ],
        mutable=True,
        help="""
Which boards count as the same. NVIDIA migrates no vGPU between H100, H200
and H800, nor between 80 GB and 94 GB boards; both choices tell these apart.
Choose ``model`` where one product was bought in several revisions.

Related options:

* ``unknown_board``
""",
    ),
    cfg.ListOpt(
        "vgpu_resource_classes",
        default=["VGPU"],
        mutable=True,
        help="""
Resource classes that stand for vGPUs, as flavors request them. A server
whose flavor requests one is only migrated to a host that fits its vGPU.

Possible values:

* ``VGPU`` and each ``mdev_class`` of the ``[mdev_*]`` groups
""",
    ),
    cfg.FloatOpt(
        "migration_cost_weight_multiplier",
        default=1.0,
        mutable=True,
        help="""
Multiplier of MigrationCostWeigher, which weighs the hosts for a live
migration by what it is expected to cost there. Other requests it does not
weigh.

Possible values:

* positive: hosts with a low cost are preferred
* 0.0: no influence
* negative: hosts with a high cost are preferred

Related options:

* aggregate metadata of the same name win over this option
* ``[filter_scheduler] weight_classes``
""",
    ),
]


@dataclass(frozen=True)
class Rules:
    """What the filters go by; see the options of the same names.

    :ivar max_downtime_ms: for servers whose host does not tell its own, as
        is ``over_budget``
    """

    unknown_facts: str = "refuse"
    unknown_cpu: str = "warn"
    unknown_board: str = "refuse"
    unknown_driver: str = "refuse"
    unknown_gpu_mode: str = "warn"
    unknown_migratable: str = "warn"
    unknown_capacity: str = "warn"
    driver_match: str = "equal"
    board_match: str = "part"
    vgpu_resource_classes: tuple[str, ...] = ("VGPU",)
    max_downtime_ms: int = 500
    over_budget: str = "warn"
    image_properties: tuple[str, ...] = ()


def load_rules(conf: cfg.ConfigOpts) -> Rules:
    """Read what the filters go by."""
    group = conf.livemig_gpu
    values = {each.name: getattr(group, each.name) for each in fields(Rules)}
    for name in ("vgpu_resource_classes", "image_properties"):
        values[name] = tuple(values[name])
    return Rules(**values)
