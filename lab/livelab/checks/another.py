# SPDX-License-Identifier: Apache-2.0
"""Another version of the plugin, for one host of the cloud.

Whatever one version tells others carries a version of its own: the strings
in a host's stats, and questions between hosts. A version that knows no other
than its own is made of this tree: all of these numbers are 99. A real one,
such as ``pip install --no-deps --target DIR OLDER.whl`` makes, is taken from
the directory that LIVEMIG_ANOTHER_VERSION names.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import nova_livemig_gpu
from livelab.cloud.site import Site
from livelab.errors import LabError

VARIABLE = "LIVEMIG_ANOTHER_VERSION"
PACKAGE = "nova_livemig_gpu"
NEWER = "99"
#: What is other in the version that is made: file, what, by what.
CHANGES = (
    ("facts/base.py", r'^VERSION = "\d+"$', f'VERSION = "{NEWER}"'),
    (
        "facts/base.py",
        r"^_FIELDS = .*: (\d+)}$",
        rf'_FIELDS = {{"{NEWER}": \1}}',
    ),
    (
        "facts/models.py",
        r"^_FIELDS = .*: (\d+)}$",
        rf'_FIELDS = {{"{NEWER}": \1}}',
    ),
    ("facts/now.py", r'^VERSION = "\d+"$', f'VERSION = "{NEWER}"'),
    ("facts/active.py", r'^VERSION = "\d+"$', f'VERSION = "{NEWER}"'),
    (
        "facts/active.py",
        r"^_FIELDS = .*: (\d+)}$",
        rf'_FIELDS = {{"{NEWER}": \1}}',
    ),
    ("rpc/messages.py", r"^VERSION = \d+$", f"VERSION = {NEWER}"),
    ("rpc/server.py", r'^API_VERSION = ".*"$', f'API_VERSION = "{NEWER}.0"'),
)


@dataclass(frozen=True)
class Another:
    """A directory with another version of the package.

    :ivar strings: version of the string in a host's stats that it writes
    :ivar made: of this tree; it knows nothing of ours, nor we of it
    """

    folder: Path
    strings: str
    made: bool

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process import it; before what is installed."""
        return {"PYTHONPATH": str(self.folder)}


def another(site: Site) -> Another:
    """Find it, or make it; raises LabError."""
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else _make(site)
    return Another(folder, _strings(folder / PACKAGE), not named)


def _strings(package: Path) -> str:
    for file in (package / "facts/base.py", package / "facts/envelope.py"):
        if file.exists():
            found = re.search(r'^VERSION = "(\d+)"$', file.read_text(), re.M)
            if found:
                return found[1]
    raise LabError(f"{VARIABLE}: {package} is no version of {PACKAGE}")


def _make(site: Site) -> Path:
    folder = site.lib("another-version")
    package = folder / PACKAGE
    shutil.rmtree(package, ignore_errors=True)
    ours = Path(nova_livemig_gpu.__file__).parent
    shutil.copytree(
        ours, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    for name, old, new in CHANGES:
        file = package / name
        text, changed = re.subn(old, new, file.read_text(), flags=re.M)
        if changed != 1:
            raise LabError(f"{name} has no line {old}: livelab.checks.another")
        file.write_text(text)
    return folder
