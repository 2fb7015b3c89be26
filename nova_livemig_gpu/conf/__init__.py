"""Options of nova-livemig-gpu, all in the group ``[livemig_gpu]``.

Nothing below this package reads a global ``CONF``: :func:`load` turns a
``ConfigOpts`` into an :class:`~nova_livemig_gpu.conf.options.Options`
value, and the value is passed on.
"""

from collections.abc import Sequence

from oslo_config import cfg

from nova_livemig_gpu.conf import (
    devices,
    exact,
    facts,
    forecast,
    history,
    hooks,
    link,
    loop,
    paths,
    scheduler,
    servers,
)
from nova_livemig_gpu.conf.options import Options, load

GROUP = "livemig_gpu"

_MODULES = (
    servers,
    devices,
    loop,
    hooks,
    paths,
    history,
    forecast,
    scheduler,
    exact,
    facts,
    link,
)

__all__ = ["GROUP", "Options", "list_opts", "load", "register_opts"]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register every option of the group; safe to call again."""
    for module in _MODULES:
        conf.register_opts(module.OPTS, group=GROUP)


def list_opts() -> Sequence[tuple[str, list[cfg.Opt]]]:
    """Return (group, options) pairs for ``oslo-config-generator``."""
    return [(GROUP, [opt for module in _MODULES for opt in module.OPTS])]
