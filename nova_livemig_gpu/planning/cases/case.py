"""Migrations to be replayed, as values.

Times are of the case: it begins at 0 s, and so do its guests' ages.
"""

from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from nova_livemig_gpu import conf
from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.exception import InvalidSetting, PolicyNotFound
from nova_livemig_gpu.migration import budget as settings
from nova_livemig_gpu.migration.budget import NovaDefaults
from nova_livemig_gpu.model import SETTING_NAMES, Budget, OnTimeout
from nova_livemig_gpu.planning.cases.fields import Fields, short
from nova_livemig_gpu.planning.host import Guest
from nova_livemig_gpu.policies import loader

#: Nova's ``live_migration_completion_timeout``, s for each GiB.
_TIMEOUT_S = 800
REFUSED = "refused"
STATES = ("completed", "failed", "cancelled", "running", REFUSED)


@dataclass(frozen=True)
class Bounds:
    """What must come of a migration; None: anything.

    :ivar state: how it ends; "refused": it is not begun
    :ivar total_s_most: since it was asked for
    :ivar total_s_least: the same
    :ivar postcopy_longest_s: in post-copy
    :ivar converges_foreseen: what the forecast says before the start
    """

    state: str | None = None
    total_s_most: float | None = None
    total_s_least: float | None = None
    downtime_ms_most: float | None = None
    postcopy_longest_s: float | None = None
    converges_foreseen: bool | None = None


@dataclass(frozen=True)
class Server:
    """One that migrates.

    :ivar starts_s: when its migration is asked for
    :ivar measured: its dirty curve is known before the start
    """

    guest: Guest
    budget: Budget
    starts_s: float = 0.0
    measured: bool = False
    bounds: Bounds = Bounds()


@dataclass(frozen=True)
class Case:
    """All that a replay needs.

    :ivar file: that it comes from
    :ivar variant: which of several that the file stands for; None: the only
    :ivar link_mbps: what the link carries from a moment on
    :ivar jitter: standard deviation of the rate of a pass, as a share
    :ivar seeds: each is run
    :ivar share_link: they leave one host together; else each has the link for
        itself
    """

    file: str
    servers: tuple[Server, ...]
    link_mbps: tuple[tuple[float, float], ...]
    overhead_ms: float = 100.0
    jitter: float = 0.0
    seeds: tuple[int, ...] = (0,)
    share_link: bool = False
    variant: str | None = None


def default_options() -> Options:
    """Return the options of a host that sets none."""
    config = cfg.ConfigOpts()
    config.register_opt(cfg.StrOpt("state_path", default=""))
    conf.register_opts(config)
    config([], default_config_files=[], default_config_dirs=[])
    return conf.load(config)


def read_bounds(fields: Fields) -> Bounds:
    """Return the bounds of one server."""
    numbers = (
        "total_s_most",
        "total_s_least",
        "downtime_ms_most",
        "postcopy_longest_s",
    )
    fields.only("state", *numbers, "converges_foreseen")
    values: dict[str, Any] = {
        name: fields.number(name, 0, 1e12, None)
        for name in numbers
        if fields.has(name)
    }
    if fields.has("state"):
        values["state"] = fields.choice("state", None, *STATES)
    if fields.has("converges_foreseen"):
        values["converges_foreseen"] = fields.flag("converges_foreseen", False)
    return Bounds(**values)


def read_budget(
    fields: Fields, memory_mib: float, **usual: str
) -> tuple[Budget, frozenset[str]]:
    """Return settings as a flavor would set them, and which are set.

    :param usual: what is in force where the file says nothing
    """
    fields.only(*SETTING_NAMES)
    specs = {}
    for name, value in {**usual, **fields.body}.items():
        if isinstance(value, bool) or not isinstance(value, int | str):
            fields.fail(
                name, f"{short(value)} is neither text nor a whole number"
            )
        try:
            settings.parse(name, str(value), fields.file)
        except InvalidSetting as exc:
            fields.fail(name, f"{short(value)} is not {exc.facts['right']}")
        specs[settings.FLAVOR_PREFIX + name] = str(value)
    nova = NovaDefaults(
        timeout_s=int(_TIMEOUT_S * max(memory_mib / 1024, 2)),
        on_timeout=OnTimeout.ABORT,
        postcopy=False,
        auto_converge=False,
        bandwidth_mib_s=0,
    )
    found = settings.resolve(default_options(), nova, specs, {})
    try:
        steers = loader.find(found.policy).steers
    except PolicyNotFound as exc:
        fields.fail("policy", str(exc))
    if not steers:
        fields.fail(
            "policy", f"{found.policy} leaves the migration to Nova's monitor"
        )
    return found, frozenset(fields.body)
