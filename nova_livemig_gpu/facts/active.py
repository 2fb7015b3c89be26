"""Which vGPUs of a host are in use.

Sealed (see :mod:`.envelope`) under the key ``livemig_gpu_vgpus``, as a
list::

    [digest of the base,
     null (unknown) or
     [[server, GPU, type ID, framebuffer, guest driver, stun]]]

Version 1 has no ``stun``. The framebuffer in use is counted in steps of 64
MiB, rounded up, and the stun in steps of a tenth of an octave (7%), rounded
up: else every audit of the resource tracker would find another number and
write it. Step 100 is 1024 ms, step 110 is 2048 ms.
"""

import math
from typing import Any

from nova_livemig_gpu.facts import checked, envelope
from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.facts.envelope import Malformed
from nova_livemig_gpu.model import ActiveVgpu, HostFacts

KEY = "livemig_gpu_vgpus"
VERSION = "2"
STEP_BYTES = 64 * 2**20

#: Fields of a row, by version.
_FIELDS = {"1": 5, "2": 6}
_STEPS_PER_OCTAVE = 10
_MOST_STEP = 300


def encode(facts: HostFacts, base_text: str) -> str:
    """Return the string of a host, for the string of its base."""
    rows: list[Any] | None = None
    if facts.active is not None:
        rows = sorted(map(_row, facts.active), key=repr)
    return envelope.seal([envelope.digest_of(base_text), rows], VERSION)


def decode(text: Any, base: Base) -> tuple[ActiveVgpu, ...] | None:
    """Return the vGPUs in use; None: unknown.

    :raises Malformed: it is no string of ours, or of another base
    """
    version, value = envelope.unseal(text, _FIELDS)
    digest, rows = checked.row(value, 2)
    if digest != base.digest:
        raise Malformed("of another base")
    if rows is None:
        return None
    fields = _FIELDS[version]
    return tuple(
        _vgpu(checked.row(each, fields)) for each in checked.rows(rows)
    )


def _row(vgpu: ActiveVgpu) -> list[Any]:
    used = vgpu.framebuffer_used_bytes
    steps = None if used is None else -(-used // STEP_BYTES)
    return [
        vgpu.server,
        vgpu.gpu,
        vgpu.type_id,
        steps,
        vgpu.guest_driver,
        _stun_step(vgpu.stun_ms),
    ]


def _vgpu(row: list[Any]) -> ActiveVgpu:
    server, gpu, type_id, steps, guest_driver, *stun = row
    used = checked.number_or_none(steps)
    return ActiveVgpu(
        server=checked.text(server),
        gpu=checked.text(gpu),
        type_id=checked.text(type_id),
        framebuffer_used_bytes=None if used is None else used * STEP_BYTES,
        guest_driver=checked.text_or_none(guest_driver),
        stun_ms=_stun_ms(stun[0]) if stun else None,
    )


def _stun_step(stun_ms: float | None) -> int | None:
    """Rounded up: never promise a shorter pause. Under 1 ms is 1 ms."""
    if stun_ms is None or not math.isfinite(stun_ms) or stun_ms < 0:
        return None
    # less a hair, so that what was decoded is coded as the same step
    step = _STEPS_PER_OCTAVE * math.log2(max(stun_ms, 1.0)) - 1e-6
    return min(max(math.ceil(step), 0), _MOST_STEP)


def _stun_ms(step: Any) -> float | None:
    number = checked.number_or_none(step)
    if number is None:
        return None
    if number > _MOST_STEP:
        raise Malformed("no step of a stun")
    return float(2.0 ** (number / _STEPS_PER_OCTAVE))
