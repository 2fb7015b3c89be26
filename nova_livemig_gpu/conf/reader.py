"""Options as they stand in the files now.

nova-compute reads its files once. SIGHUP reads them again under eventlet;
under native threads, Nova 34's default, it ends the service instead
(``_reload_service`` in oslo.service's threading backend). So what may change
while nova-compute runs is read again, by us, before each migration: an
option marked mutable whose value in the files is another one than when the
service started. Everything else is as the service has it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from nova_livemig_gpu import conf as own_conf
from nova_livemig_gpu.conf.options import Options, load

LOG = logging.getLogger(__name__)


class Reader:
    """Reads the options of one service."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """:param conf: the service's, our options registered

        :raises InvalidOption: an option is wrong
        """
        self._conf = conf
        self._started = load(conf)
        self._files = self._from_files()
        self._complained: str | None = None
        self._changed: dict[str, Any] = {}

    def read(self) -> Options:
        """Return the options of now. A wrong one is logged, and what was in
        force stays in force."""
        try:
            now = self._from_files()
        except Exception as exc:
            self._complain(str(exc))
        else:
            self._complained = None
            self._changed = self._differences(now)
        return replace(load(self._conf), **self._changed)

    def _complain(self, what: str) -> None:
        if what != self._complained:
            LOG.error("The changed options are not used: %s", what)
        self._complained = what

    def _differences(self, now: Options) -> dict[str, Any]:
        found = {}
        for name in _mutable():
            value = getattr(now, name)
            if value != getattr(self._files, name):
                found[name] = value
                if self._changed.get(name) != value:
                    LOG.info("[livemig_gpu] %s is %s now", name, value)
        return found

    def _from_files(self) -> Options:
        fresh = cfg.ConfigOpts()
        # Ours refer to it; it has its default from Nova.
        fresh.register_opt(
            cfg.StrOpt("state_path", default=self._conf.state_path)
        )
        own_conf.register_opts(fresh)
        fresh(args=[], **_sources(self._conf))
        return load(fresh)


def _sources(conf: cfg.ConfigOpts) -> Mapping[str, list[str]]:
    return {
        "default_config_files": list(conf.config_file or []),
        "default_config_dirs": list(conf.config_dir or []),
    }


def _mutable() -> list[str]:
    return [
        opt.dest
        for _, opts in own_conf.list_opts()
        for opt in opts
        if opt.mutable and opt.dest in Options.__dataclass_fields__
    ]
