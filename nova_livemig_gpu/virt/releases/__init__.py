"""What differs between the Nova releases that this driver supports."""

from nova_livemig_gpu.exception import UnsupportedRelease
from nova_livemig_gpu.virt.releases import (
    nova31,
    nova32,
    nova33,
    nova34,
)
from nova_livemig_gpu.virt.releases.base import Release

_RELEASES: dict[int, Release] = {
    31: nova31.RELEASE,
    32: nova32.RELEASE,
    33: nova33.RELEASE,
    34: nova34.RELEASE,
}

__all__ = ["Release", "find"]


def find(version: str) -> Release:
    """Return the adapter for a Nova version such as "34.0.0".

    :raises UnsupportedRelease: for any other release
    """
    major = version.split(".", 1)[0]
    if not major.isdigit() or int(major) not in _RELEASES:
        raise UnsupportedRelease(
            release=version, supported=", ".join(map(str, _RELEASES))
        )
    return _RELEASES[int(major)]
