"""Settings of a server: options, overridden by its image, then its flavor.

A value that cannot be read is reported and skipped: the API refuses such
values when they are set, so they are left-overs of a time without the
plugin, and a migration must not fail for them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu.conf.options import Options
from nova_livemig_gpu.exception import InvalidSetting
from nova_livemig_gpu.model import (
    SETTING_NAMES,
    BandwidthLaw,
    Budget,
    Goal,
    NotConverging,
    OnTimeout,
    OverBudget,
    PostcopyStart,
)

LOG = logging.getLogger(__name__)

FLAVOR_PREFIX = "livemig_gpu:"
IMAGE_PREFIX = "livemig_gpu_"


@dataclass(frozen=True)
class NovaDefaults:
    """What ``[libvirt]`` says, for settings left unset in our options.

    :ivar timeout_s: ``live_migration_completion_timeout`` times GiB; 0: none
    :ivar bandwidth_mib_s: ``live_migration_bandwidth``, MiB/s; 0: no limit
    """

    timeout_s: float
    on_timeout: OnTimeout
    postcopy: bool
    auto_converge: bool
    bandwidth_mib_s: int


def integer(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from ``least`` to ``most``."""

    def parse(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    parse.__doc__ = f"a whole number from {least} to {most}"
    return parse


def choice(*values: str) -> Callable[[str], str]:
    """Return a parser that takes one of ``values``."""

    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    parse.__doc__ = "one of " + ", ".join(values)
    return parse


def _name(text: str) -> str:
    """the name of a policy"""
    if not text:
        raise ValueError(text)
    return text


#: How the text of a flavor extra spec or image property becomes a value.
PARSERS: Mapping[str, Callable[[str], Any]] = {
    "policy": _name,
    "max_downtime_ms": integer(10, 2_000_000),
    "timeout_s": integer(0, 31_536_000),
    "on_timeout": choice(*(member.value for member in OnTimeout)),
    "not_converging": choice(*(member.value for member in NotConverging)),
    "postcopy": choice("allow", "forbid"),
    "auto_converge": choice("allow", "forbid"),
    "bandwidth_mbps": integer(0, 10_000_000),
    "goal": choice(*(member.value for member in Goal)),
    "over_budget": choice(*(member.value for member in OverBudget)),
    "postcopy_start": choice(*(member.value for member in PostcopyStart)),
    "bandwidth_law": choice(*(member.value for member in BandwidthLaw)),
}


def resolve(
    options: Options,
    nova: NovaDefaults,
    extra_specs: Mapping[str, str],
    image_properties: Mapping[str, str],
) -> Budget:
    """Return the settings of one server.

    :param extra_specs: all extra specs of its flavor
    :param image_properties: all properties of its image
    """
    values = _from_options(options, nova)
    sources = {
        name: "nova" if getattr(options, name) is None else "option"
        for name in SETTING_NAMES
    }
    for name in SETTING_NAMES:
        if name in options.image_properties:
            _override(values, sources, name, "image", image_properties)
        _override(values, sources, name, "flavor", extra_specs)
    return _budget(values, sources)


def _from_options(options: Options, nova: NovaDefaults) -> dict[str, Any]:
    inherited = {
        "timeout_s": nova.timeout_s,
        "on_timeout": nova.on_timeout.value,
        "postcopy": "allow" if nova.postcopy else "forbid",
        "auto_converge": "allow" if nova.auto_converge else "forbid",
        "bandwidth_mbps": _mbps(nova.bandwidth_mib_s),
    }
    return {
        name: inherited[name]
        if getattr(options, name) is None
        else getattr(options, name)
        for name in SETTING_NAMES
    }


def _mbps(mib_s: int) -> int:
    return round(mib_s * 2**20 * 8 / 10**6)


def _override(
    values: dict[str, Any],
    sources: dict[str, str],
    name: str,
    source: str,
    texts: Mapping[str, str],
) -> None:
    key = (FLAVOR_PREFIX if source == "flavor" else IMAGE_PREFIX) + name
    if key not in texts:
        return
    try:
        values[name] = parse(name, texts[key], f"{source} {key}")
    except InvalidSetting as exc:
        LOG.warning("%s. %s stays in force.", exc, values[name])
        return
    sources[name] = source


def parse(name: str, text: str, source: str) -> Any:
    """Parse one setting.

    :raises InvalidSetting: naming source, setting and what would be right
    """
    parser = PARSERS[name]
    try:
        return parser(str(text).strip())
    except ValueError as exc:
        raise InvalidSetting(
            source=source, name=name, value=text, right=parser.__doc__
        ) from exc


def _budget(values: Mapping[str, Any], sources: dict[str, str]) -> Budget:
    on_timeout = OnTimeout(values["on_timeout"])
    postcopy = values["postcopy"] == "allow"
    if on_timeout is OnTimeout.POSTCOPY and not postcopy:
        LOG.warning(
            "on_timeout is postcopy (from %s) but postcopy is forbid (from "
            "%s): the migration is aborted at its deadline instead.",
            sources["on_timeout"],
            sources["postcopy"],
        )
        on_timeout = OnTimeout.ABORT
    return Budget(
        policy=values["policy"],
        max_downtime_ms=values["max_downtime_ms"],
        timeout_s=values["timeout_s"] or None,
        on_timeout=on_timeout,
        postcopy=postcopy,
        auto_converge=values["auto_converge"] == "allow",
        bandwidth_mbps=values["bandwidth_mbps"] or None,
        goal=Goal(values["goal"]),
        over_budget=OverBudget(values["over_budget"]),
        postcopy_start=PostcopyStart(values["postcopy_start"]),
        bandwidth_law=BandwidthLaw(values["bandwidth_law"]),
        not_converging=NotConverging(values["not_converging"]),
        sources=sources,
    )
