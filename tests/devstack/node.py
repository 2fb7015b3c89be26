# SPDX-License-Identifier: Apache-2.0
"""A node of DevStack, below a scratch directory."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
HARNESS = Path(__file__).with_name("harness.sh")
CONTROLLER = "key,rabbit,mysql,n-api,n-cond,n-super-cond,n-sch,placement-api"
ALL = f"{CONTROLLER},n-cpu"
PLUGIN = "enable_plugin nova-livemig-gpu https://example.org/plugin main"
#: The steps of stack.sh.
STACK = ("conf", "install", "post-config", "merge", "start", "extra")
TOOLS = (
    "venv/bin/pip",
    "requirements/.venv/bin/edit-constraints",
    "stack/tempest/.tox/tempest/bin/pip",
)
RECORDER = '#!/bin/sh\necho "$(basename "$0") $*" >>{calls}\n'


class Node:
    """One node of a multinode DevStack, below a scratch root."""

    def __init__(self, root: Path, tree: Path) -> None:
        self.root = root
        self.conf = root / "etc/nova/nova.conf"
        self.cpu_conf = root / "etc/nova/nova-cpu.conf"
        self.plugin = root / "stack/nova-livemig-gpu"
        shutil.copytree(
            tree, root / "devstack", ignore=shutil.ignore_patterns(".git")
        )
        # as `pip install -e` leaves the checkout
        (self.plugin / "nova_livemig_gpu.egg-info").mkdir(parents=True)
        shutil.copytree(REPO / "devstack", self.plugin / "devstack")
        shutil.copy(REPO / "setup.cfg", self.plugin)
        self.calls_file = root / "calls"
        for tool in TOOLS:
            file = root / tool
            file.parent.mkdir(parents=True)
            file.write_text(RECORDER.format(calls=self.calls_file))
            file.chmod(0o755)

    def local_conf(
        self,
        services: str,
        more: str = "",
        rest: str = "",
        plugin: str = PLUGIN,
    ) -> None:
        """Write local.conf: localrc with one enable_plugin line, the rest."""
        lines = [
            "[[local|localrc]]",
            *[f"{n}_PASSWORD=x" for n in ("ADMIN", "DATABASE", "RABBIT")],
            "SERVICE_PASSWORD=x",
            f"DEST={self.root}/stack",
            f"DATA_DIR={self.root}/data",
            "HOST_IP=192.0.2.10",
            "SERVICE_HOST=192.0.2.10",
            "LIBVIRT_TYPE=qemu",
            f"ENABLED_SERVICES={services}",
            plugin,
            more,
            rest,
        ]
        (self.root / "devstack/local.conf").write_text("\n".join(lines) + "\n")

    def run(self, *steps: str, env: Mapping[str, str] | None = None) -> str:
        """Run steps of the harness; what they printed."""
        done = subprocess.run(
            ["bash", str(HARNESS), str(self.root), *steps],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.root),
                **(env or {}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def after(self, step: str, file: str = "nova/nova.conf") -> str:
        """A file as it was after a step, "NUMBER-STEP"."""
        return (self.root / "after" / step / file).read_text()

    def calls(self) -> list[str]:
        """What would have been done to the machine."""
        if not self.calls_file.exists():
            return []
        return self.calls_file.read_text().splitlines()

    def variable(self, name: str) -> str:
        """A variable of the shell, in the end."""
        for line in (self.root / "variables").read_text().splitlines():
            if line.startswith(name + "="):
                return line.partition("=")[2]
        raise AssertionError(name)
