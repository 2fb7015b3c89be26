# SPDX-License-Identifier: Apache-2.0
"""nova-compute with the lab's fake driver: nova loads from nova.virt only."""

import sys
from pathlib import Path

# First: it patches what the rest of Nova imports.
from nova.cmd.compute import main

import nova.virt  # isort: skip

if __name__ == "__main__":
    nova.virt.__path__.append(str(Path(__file__).parent / "virt"))
    sys.exit(main())
