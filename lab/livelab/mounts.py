# SPDX-License-Identifier: Apache-2.0
"""The mount namespace of a host: which directories it has to itself."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from livelab import paths
from livelab.errors import LabError
from livelab.process import Process, look

OWN = {
    "etc-libvirt": "/etc/libvirt",
    "run-libvirt": "/run/libvirt",
    "lib-libvirt": "/var/lib/libvirt",
    "log-libvirt": "/var/log/libvirt",
    "cache-libvirt": "/var/cache/libvirt",
    "nova": "/var/lib/nova",
}
INSTANCES = "/var/lib/nova/instances"

# Holders outlive this process; kept, so that Python does not complain of
# children that were forgotten.
_HOLDERS: list[subprocess.Popen[str]] = []


def write_names(state: Path, addresses: Mapping[str, str]) -> None:
    """The hosts' /etc/hosts, and a resolv.conf without a server.

    There is no name server in the lab: without one in resolv.conf an
    unknown name fails at once instead of after seconds.
    """
    lines = ["127.0.0.1 localhost"]
    lines += [f"{ip} {name}" for name, ip in addresses.items()]
    # In place: the hosts that are up have these very files mounted.
    (paths.etc_dir(state) / "hosts").write_text("\n".join(lines) + "\n")
    (paths.etc_dir(state) / "resolv.conf").write_text("")


def plan(state: Path, name: str, shared: bool) -> list[tuple[Path, str]]:
    """What to mount over what, in order; makes what is to be mounted."""
    own = paths.host_dir(state, name)
    etc = paths.etc_dir(state)
    pairs = [(own / source, point) for source, point in OWN.items()]
    for source, point in pairs:
        source.mkdir(exist_ok=True)
        _make_point(state, Path(point))
    (own / "nova" / "instances").mkdir(exist_ok=True)
    if shared:
        pairs.append((paths.instances_dir(state), INSTANCES))
    for file in ("hosts", "resolv.conf"):
        if (etc / file).exists() and Path("/etc", file).exists():
            pairs.append((etc / file, f"/etc/{file}"))
    return pairs


def hold(
    netns: str, hostname: str, pairs: Sequence[tuple[Path, str]]
) -> Process:
    """Start the process that holds a host's namespaces; raises LabError.

    It says `held` when everything is mounted, and then sleeps for ever.
    """
    holder = subprocess.Popen(
        # Slave: what the machine mounts later is seen, ours stays inside.
        [
            *("ip", "netns", "exec", netns),
            *("unshare", "--mount", "--uts", "--propagation", "slave"),
            *("sh", "-ec", _script(netns, hostname, pairs)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
        text=True,
    )
    assert holder.stdout is not None and holder.stderr is not None
    with holder.stdout, holder.stderr:
        process = look(holder.pid)
        if holder.stdout.readline() != "held\n" or process is None:
            holder.kill()
            said = holder.stderr.read().strip()
            raise LabError(f"{hostname}: namespaces not set up: {said}")
    _HOLDERS.append(holder)
    return process


def _script(
    mark: str, hostname: str, pairs: Sequence[tuple[Path, str]]
) -> str:
    """The mark goes on /mnt, which nothing in the lab uses."""
    lines = [f"hostname {hostname}"]
    lines += [f"mount -t tmpfs -o size=4k {mark} /mnt"]
    lines += [
        f"mount --bind {shlex.quote(str(source))} {point}"
        for source, point in pairs
    ]
    lines += ["echo held", "exec sleep infinity >/dev/null 2>&1"]
    return "\n".join(lines)


def _make_point(state: Path, point: Path) -> None:
    """Make a directory on the machine to mount on, and remember it."""
    if point.is_dir():
        return
    point.mkdir(parents=True)
    with _points_file(state).open("a") as file:
        file.write(f"{point}\n")


_NETNS = Path("/run/netns")


def remove_points(state: Path) -> None:
    """Remove the directories that were made to be mounted on.

    Not while another lab is up: the kernel unmounts a directory that is
    removed in all namespaces, under the other lab's feet.
    """
    if any(_NETNS.glob("livemig-*")):
        return
    try:
        points = _points_file(state).read_text().split()
    except FileNotFoundError:
        return
    for point in points:
        try:
            Path(point).rmdir()
        except OSError:
            # Somebody else put something there meanwhile: it stays.
            continue
    _points_file(state).unlink()


def visible(state: Path) -> list[str]:
    """Mounts of the lab in this process's own namespace, in words."""
    ours = f"{state}/"
    return [
        f"mount {line.split()[1]}"
        for line in Path("/proc/self/mounts").read_text().splitlines()
        if any(field.startswith(ours) for field in line.split()[:2])
    ]


def _points_file(state: Path) -> Path:
    return paths.run_dir(state) / "mount-points"
