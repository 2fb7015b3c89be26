# SPDX-License-Identifier: Apache-2.0
"""The one-sector guest of lab/sector: assembled, and told its load."""

import math
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from livelab import command
from livelab.errors import LabError

SOURCE = Path(__file__).resolve().parents[2] / "sector" / "sector.S"
ORIGIN = 0x7C00
FIELDS = 424
BASE = 4 << 20
PAGE = 4096
TICKS_PER_S = 1193182 / 65536
DISK_BYTES = 1 << 20
# What is looked at: less would take long, more would be work for nothing
LOOK_MIB_S = 16


@dataclass(frozen=True)
class Load:
    """ws MiB are rewritten at rate MiB/s, fill MiB are only looked at.

    Whatever the machine can do at most is done when it cannot do that much.
    """

    ws_mib: int = 0
    rate_mib_s: float = 0
    fill_mib: int = 0

    @property
    def memory_mib(self) -> int:
        """What the guest must have, with something to spare."""
        return 8 + self.ws_mib + self.fill_mib


def disk(load: Load) -> bytes:
    """The guest's disk; raises LabError. Needs binutils."""
    sector = bytearray(_assembled())
    end = BASE + load.ws_mib * 2**20
    fields = (
        end,
        end + load.fill_mib * 2**20,
        _pages_per_tick(load.rate_mib_s) if load.ws_mib else 0,
        _pages_per_tick(LOOK_MIB_S) if load.fill_mib else 0,
    )
    struct.pack_into("<4I", sector, FIELDS, *fields)
    return bytes(sector).ljust(DISK_BYTES, b"\0")


def _pages_per_tick(rate_mib_s: float) -> int:
    """Rounded up: little is not nothing. Example: 2 MiB/s are 29 pages."""
    return math.ceil(rate_mib_s * 2**20 / PAGE / TICKS_PER_S)


def _assembled() -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        objects, raw = Path(scratch, "sector.o"), Path(scratch, "sector")
        command.run(["as", "--32", "-o", str(objects), str(SOURCE)])
        command.run(
            [
                *("ld", "-m", "elf_i386", "-Ttext", hex(ORIGIN)),
                *("--oformat", "binary", "-o", str(raw), str(objects)),
            ]
        )
        sector = raw.read_bytes()
    if len(sector) != 512:
        raise LabError(f"{SOURCE}: {len(sector)} bytes, not a sector")
    return sector
