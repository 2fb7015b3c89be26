"""Options as they stand in the files now.

nova-compute reads its files once. SIGHUP reads them again under eventlet;
under native threads, Nova 34's default, it ends the service instead
(``_reload_service`` in oslo.service's threading backend). So what may change
while nova-compute runs is read again, by us, before each migration: an
option marked mutable whose value in the files is another one than when the
service started. Everything else is as the service has it.

Reading the files takes 5 to 15 ms, so they are read again only where one has
changed, and for ``_SETTLED_S`` after that was seen: a time stamp may not tell
two changes apart.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from nova_livemig_gpu import conf as own_conf
from nova_livemig_gpu.conf.options import Options, check, load, value

LOG = logging.getLogger(__name__)

_SETTLED_S = 2.0
#: Of each file its name, times and size.
_Stamp = tuple[tuple[str, int, int, int], ...]


class Reader:
    """Reads the options of one service."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """:param conf: the service's, our options registered

        :raises InvalidOption: an option is wrong
        """
        self._conf = conf
        load(conf)
        self._stamp: _Stamp | None = None
        self._seen_s = 0.0
        self._at_start = self._from_files()
        self._complained: str | None = None
        self._changed: dict[str, Any] = {}

    def read(self) -> Options:
        """Return the options of now. A wrong one is logged, and what was in
        force stays in force."""
        stamp, now_s = self._look(), time.monotonic()
        if stamp is None or stamp != self._stamp:
            self._stamp, self._seen_s = stamp, now_s
        if now_s - self._seen_s < _SETTLED_S:
            self._read_again()
        return replace(load(self._conf), **self._changed)

    def _read_again(self) -> None:
        try:
            now = self._from_files()
            check(now)
        except Exception as exc:
            self._complain(str(exc))
        else:
            self._complained = None
            self._changed = self._differences(now)

    def _look(self) -> "_Stamp | None":
        """Return what tells the files of now from others; None: nothing
        does."""
        paths = [Path(each) for each in self._conf.config_file or ()]
        for folder in self._conf.config_dir or ():
            paths += sorted(Path(folder).glob("*.conf"))
        try:
            states = [path.stat() for path in paths]
        except OSError:
            return None
        return tuple(
            (str(path), each.st_mtime_ns, each.st_ctime_ns, each.st_size)
            for path, each in zip(paths, states, strict=True)
        )

    def _complain(self, what: str) -> None:
        if what != self._complained:
            LOG.error("The changed options are not used: %s", what)
        self._complained = what

    def _differences(self, now: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for name, wanted in now.items():
            if wanted != self._at_start[name]:
                found[name] = wanted
                if self._changed.get(name) != wanted:
                    LOG.info("[livemig_gpu] %s is %s now", name, wanted)
        return found

    def _from_files(self) -> dict[str, Any]:
        """Read what may change; it refers to no other option."""
        fresh = cfg.ConfigOpts()
        fresh.register_opts(_mutable(), group=own_conf.GROUP)
        fresh(
            args=[],
            default_config_files=list(self._conf.config_file or []),
            default_config_dirs=list(self._conf.config_dir or []),
        )
        return {
            opt.dest: value(fresh.livemig_gpu, opt.dest) for opt in _mutable()
        }


def _mutable() -> list[cfg.Opt]:
    return [
        opt
        for _, opts in own_conf.list_opts()
        for opt in opts
        if opt.mutable and opt.dest in Options.__dataclass_fields__
    ]
