"""The options as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from nova_livemig_gpu import exception
from nova_livemig_gpu.model import SETTING_NAMES


@dataclass(frozen=True)
class Options:
    """``[livemig_gpu]`` and what it inherits from Nova, read once.

    ``None`` for a setting of a server means: not set here, take Nova's.
    """

    policy: str
    max_downtime_ms: int
    timeout_s: int | None
    on_timeout: str | None
    not_converging: str
    postcopy: str | None
    auto_converge: str | None
    bandwidth_mbps: int | None
    goal: str
    over_budget: str
    postcopy_start: str
    bandwidth_law: str
    image_properties: tuple[str, ...]
    poll_interval_ms: int
    switchover_overhead_ms: int
    hooks: tuple[str, ...]
    hook_timeout_s: int
    quiesce_command: str
    resume_command: str
    device_channels: int
    switchover_bandwidth_mbps: int | None
    clean_mdevs: bool
    queue_vgpu_migrations: bool
    vgpu_wait_s: int
    state_dir: str
    max_records: int
    max_history: int
    predict: str
    dirty_rate_seconds: int
    dirty_rate_gauge: str
    dirty_rate_fresh_seconds: int
    audit_log: str
    audit_log_max_mb: int
    unknown_compatibility: str
    exact_check_timeout_s: int
    gpu_call_timeout_s: float
    link_mbps: int | None
    share_link: bool
    link_reserve_percent: int
    link_wait_s: int


def load(conf: cfg.ConfigOpts) -> Options:
    """Read and check every option.

    :raises InvalidOption: naming the option and what would be right
    """
    group = conf.livemig_gpu
    values = {
        name: value(group, name) for name in Options.__dataclass_fields__
    }
    check(values)
    return Options(**values)


def check(values: Mapping[str, Any]) -> None:
    """Check what oslo.config cannot.

    :raises InvalidOption: naming the option and what would be right
    """
    for name in values["image_properties"]:
        if name not in SETTING_NAMES:
            raise exception.InvalidOption(
                option="image_properties",
                value=name,
                right="name only " + ", ".join(SETTING_NAMES),
            )


def value(group: Any, name: str) -> Any:
    """Read one option; lists become tuples.

    :raises InvalidOption: oslo.config refuses its value
    """
    try:
        found = getattr(group, name)
    except (cfg.Error, ValueError) as exc:
        raise exception.InvalidOption(
            option=name, value="(as configured)", right=str(exc)
        ) from exc
    return tuple(found) if isinstance(found, list) else found
