# SPDX-License-Identifier: Apache-2.0
"""Tempest and our plugin for it, in a virtual environment of their own."""

import hashlib
import os
import sys
from pathlib import Path

from livelab import command
from livelab.cloud.site import Site

REPO = Path(__file__).resolve().parents[3]
CONSTRAINTS = REPO / "constraints" / "nova-34.txt"


def venv(site: Site) -> Path:
    """Where it is."""
    return site.state / "tempest-venv"


def ensure(site: Site) -> None:
    """Install it, unless it was for these files; raises LabError."""
    place = venv(site)
    stamp, wanted = place / ".stamp", _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    command.run([sys.executable, "-m", "venv", str(place)])
    # pbr asks git for a version; a plain copy of the tree has none
    env = dict(os.environ)
    if not (REPO / ".git").exists():
        env["PBR_VERSION"] = "0.0.1"
    command.run(
        [
            *[f"{place}/bin/pip", "install", "--quiet"],
            *["--disable-pip-version-check", "-c", str(CONSTRAINTS)],
            *["tempest", "-e", str(REPO)],
        ],
        env=env,
        timeout=600,
    )
    stamp.write_text(wanted)


def _fingerprint() -> str:
    found = hashlib.sha256(str(REPO).encode())
    for file in (CONSTRAINTS, REPO / "setup.cfg"):
        found.update(file.read_bytes())
    return found.hexdigest()
