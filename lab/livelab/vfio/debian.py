# SPDX-License-Identifier: Apache-2.0
"""Trees of Debian packages, from the mirror that this machine uses."""

from collections.abc import Sequence
from pathlib import Path

from livelab import command
from livelab.errors import LabError

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Nobody reads them there; and it is booted with an initramfs of the lab's.
LEFT_OUT = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/etc/kernel/postinst.d/initramfs-tools",
)
LIMIT_S = 900


def recipe(variant: str, packages: Sequence[str]) -> list[str]:
    """What a tree is made of; the mirror it comes from changes nothing."""
    return [
        *("mmdebstrap", "--mode=root", f"--variant={variant}"),
        f"--include={','.join(packages)}",
        "--aptopt=APT::Install-Recommends false",
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
        f"--keyring={KEYRING}",
        SUITE,
    ]


def make(recipe: Sequence[str], tree: Path, log: Path) -> None:
    """Fill an empty directory; raises LabError with the log's end."""
    own = [f"--aptopt={option}" for option in _apt_options()]
    # In a mount namespace: what it mounts in the tree goes when it is killed.
    argv = ["unshare", "--mount", "--propagation", "private"]
    argv += [recipe[0], *own, *recipe[1:], str(tree), mirror()]
    done = command.run(argv, check=False, timeout=LIMIT_S)
    log.write_text(done.stdout + done.stderr)
    if done.returncode:
        said = "".join(f"\n  {line}" for line in _tail(log))
        raise LabError(f"mmdebstrap failed; the end of {log}:{said}")


def mirror() -> str:
    """Where this machine gets Debian itself from; raises LabError."""
    shown = command.run(
        [
            *("apt-get", "indextargets", "--format"),
            "$(REPO_URI) $(ORIGIN) $(LABEL)",
            "Created-By: Packages",
        ]
    )
    found = pick(shown.stdout)
    if found is None:
        raise LabError(
            "no Debian mirror among apt's sources, or apt-get update never ran"
        )
    return found


def pick(targets: str) -> str | None:
    """The first of apt's index targets that is Debian, and not a part of it
    such as backports. Lines are URI, origin, label."""
    for line in targets.splitlines():
        uri, _, whose = line.partition(" ")
        if whose == "Debian Debian":
            return uri
    return None


def _apt_options() -> list[str]:
    """The machine's proxies, if it needs any to reach the mirror."""
    dump = command.run(["apt-config", "dump", "--format", "%F %v%n"])
    pairs = [line.partition(" ") for line in dump.stdout.splitlines()]
    return [
        f'{name} "{value}"'
        for name, _, value in pairs
        if name.startswith("Acquire::http") and "roxy" in name and value
    ]


def _tail(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-15:]
