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
        "warn",
        "its GPUs, or not what the server's vGPU is",
        """
It decides for servers with a vGPU only: a host without this package, one
whose GPUs could not be read, and a source host that has not told which vGPU
the server has, as in the first minute after it came there. Nova, libvirt and
NVML check the destination once more before anything starts.
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
    _unknown(
        "unknown_board",
        "warn",
        "the board of a GPU",
        """
With ``board_match = nvml`` it decides, too, where two boards differ and one
of the hosts has no NVML to ask.
""",
    ),
    _unknown(
        "unknown_driver",
        "warn",
        "the version of the GPU driver",
        """
With ``driver_match = nvml`` it decides, too, where two versions differ and
one of the hosts has no NVML to ask.
""",
    ),
    _unknown(
        "unknown_gpu_mode",
        "warn",
        "ECC, MIG mode or host vGPU mode of a GPU",
        """
Many boards have no ECC or no MIG mode and report neither. A mode that is
unknown at both ends counts as equal. With ``gpu_mode_match = nvml`` it
decides, too, where a mode differs and one of the hosts has no NVML to ask.
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
        "how many more vGPUs of the server's type it has room for",
        """
What is certain needs no option: vGPUs that exist and belong to no server, and
those that can still be created. The kernel tells only, of free virtual
functions, that one more vGPU fits; beyond that one it is unknown. Placement
counts vGPUs, too.
""",
    ),
    cfg.StrOpt(
        "driver_match",
        default="nvml",
        choices=[
            (
                "nvml",
                "those that NVML says go together, asked at the destination; "
                "where one of the hosts has none to ask, equal ones are "
                "known to, and of others it is unknown",
            ),
            ("equal", "the same version at both ends"),
            ("branch", "the same branch: the number before the first dot"),
            ("not_older", "the destination's is the same or newer"),
            ("any", "whatever; the destination asks NVML"),
        ],
        mutable=True,
        help="""
Which GPU drivers a vGPU server may be migrated between. The vGPU manager is
held to the same rule where both hosts tell its version.

All but ``nvml`` and ``any`` are stricter than Nova and NVML are: a rolling
upgrade of the driver, say from 570.158 to 570.172, moves no server then, or
only some. The scheduler and each destination go by their own nova.conf.

Related options:

* ``unknown_driver``
""",
    ),
    cfg.StrOpt(
        "board_match",
        default="nvml",
        choices=[
            (
                "nvml",
                "those that NVML says go together, asked at the destination; "
                "where one of the hosts has none to ask, the same part "
                "numbers or PCI IDs are known to, and of others it is unknown",
            ),
            ("part", "the same board part number; PCI IDs without NVML"),
            ("model", "the same product name and memory size"),
        ],
        mutable=True,
        help="""
Which boards count as the same. NVIDIA migrates no vGPU between H100, H200
and H800, nor between 80 GB and 94 GB boards; NVML refuses it, and ``part``
and ``model`` tell these apart before. Choose ``model`` where one product was
bought in several revisions.

Related options:

* ``unknown_board``
""",
    ),
    cfg.StrOpt(
        "gpu_mode_match",
        default="nvml",
        choices=[
            (
                "nvml",
                "those that NVML says go together, asked at the destination; "
                "where one of the hosts has none to ask, equal ones are "
                "known to, and of others it is unknown",
            ),
            ("equal", "the same at both ends"),
        ],
        mutable=True,
        help="""
Between which GPUs a vGPU server may be migrated, by their ECC, their MIG mode
and their host vGPU mode.

Related options:

* ``unknown_gpu_mode``
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

    unknown_facts: str = "warn"
    unknown_cpu: str = "warn"
    unknown_board: str = "warn"
    unknown_driver: str = "warn"
    unknown_gpu_mode: str = "warn"
    unknown_migratable: str = "warn"
    unknown_capacity: str = "warn"
    driver_match: str = "nvml"
    board_match: str = "nvml"
    gpu_mode_match: str = "nvml"
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
