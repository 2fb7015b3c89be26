"""The options as one frozen value."""

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
    postcopy: str | None
    auto_converge: str | None
    bandwidth_mbps: int | None
    goal: str
    image_properties: tuple[str, ...]
    poll_interval_ms: int
    switchover_overhead_ms: int
    hooks: tuple[str, ...]
    state_dir: str
    max_records: int
    audit_log: str
    unknown_compatibility: str
    exact_check_timeout_s: int


def load(conf: cfg.ConfigOpts) -> Options:
    """Read and check every option.

    :raises InvalidOption: naming the option and what would be right
    """
    group = conf.livemig_gpu
    values: dict[str, Any] = {}
    for name in Options.__dataclass_fields__:
        values[name] = _value(group, name)
    for name in ("image_properties", "hooks"):
        values[name] = tuple(values[name])
    for name in values["image_properties"]:
        if name not in SETTING_NAMES:
            raise exception.InvalidOption(
                option="image_properties",
                value=name,
                right="name only " + ", ".join(SETTING_NAMES),
            )
    return Options(**values)


def _value(group: Any, name: str) -> Any:
    try:
        return getattr(group, name)
    except (cfg.Error, ValueError) as exc:
        raise exception.InvalidOption(
            option=name, value="(as configured)", right=str(exc)
        ) from exc
