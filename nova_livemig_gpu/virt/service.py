"""What the parts of one driver share."""

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nova.conf
from nova import version as nova_version
from oslo_log import log as logging

from nova_livemig_gpu import conf, exception, files
from nova_livemig_gpu.conf.reader import Reader
from nova_livemig_gpu.fallback import attempt
from nova_livemig_gpu.gpu import loader as gpu_loader
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.virt import releases
from nova_livemig_gpu.virt.links import Links

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF


@dataclass(frozen=True)
class Service:
    """One nova-compute.

    :ivar driver: ours
    :ivar options: as they stand in the files now
    :ivar gpus: what there is on this host
    :ivar history: of the migrations that this host was the source of
    :ivar links: how fast the links to other hosts are
    :ivar release: None: a Nova that we do not know, which is left alone
    """

    driver: Any
    options: Reader
    gpus: GpuBackend
    history: History
    release: releases.Release | None
    links: Links = field(default_factory=Links)


def make(driver: Any) -> Service:
    """:raises InvalidOption: an option is wrong; the service must stop"""
    conf.register_opts(CONF)
    reader = Reader(CONF)
    options = reader.read()
    history = History(
        Path(options.state_dir) / "history.sqlite3", options.max_history
    )
    gpus: GpuBackend = attempt(
        gpu_loader.load, options.gpu_call_timeout_s, otherwise=NullBackend()
    )
    return Service(driver, reader, gpus, history, find_release())


def look_at_modes(service: Service) -> None:
    """Warn of a ``state_dir`` that others than Nova may read."""
    state_dir = Path(service.options.read().state_dir)
    mode = files.open_to_all(state_dir)
    if mode is not None:
        LOG.warning(
            "[livemig_gpu] state_dir %s has mode %04o: others than Nova and "
            "its group can read which servers were migrated, where and for "
            "whom. Unless that is wanted: chmod o-rwx",
            state_dir,
            mode,
        )


def find_release() -> releases.Release | None:
    """Return the adapter of the Nova that runs; None: there is none."""
    try:
        return releases.find(nova_version.version_string())
    except exception.UnsupportedRelease as exc:
        LOG.error("%s. Live migrations are left to Nova.", exc)
        return None


def _installed() -> str:
    try:
        return version("nova-livemig-gpu")
    except PackageNotFoundError:
        return "unknown"


_VERSION = _installed()


def own_version() -> str:
    """Version of this package, as it was when the process began."""
    return _VERSION
