"""Which vGPUs of a host are in use.

Sealed (see :mod:`.envelope`) under the key ``livemig_gpu_vgpus``, as a
list::

    [digest of the base,
     null (unknown) or [[server, GPU, type ID, framebuffer, guest driver]]]

The framebuffer in use is counted in steps of 64 MiB, rounded up: else every
audit of the resource tracker would find another number and write it.
"""

from typing import Any

from nova_livemig_gpu.facts import checked, envelope
from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.facts.envelope import Malformed
from nova_livemig_gpu.model import ActiveVgpu, HostFacts

KEY = "livemig_gpu_vgpus"
STEP_BYTES = 64 * 2**20


def encode(facts: HostFacts, base_text: str) -> str:
    """Return the string of a host, for the string of its base."""
    rows: list[Any] | None = None
    if facts.active is not None:
        rows = sorted(map(_row, facts.active), key=repr)
    return envelope.seal([envelope.digest_of(base_text), rows])


def decode(text: Any, base: Base) -> tuple[ActiveVgpu, ...] | None:
    """Return the vGPUs in use; None: unknown.

    :raises Malformed: it is no string of ours, or of another base
    """
    digest, rows = checked.row(envelope.unseal(text), 2)
    if digest != base.digest:
        raise Malformed("of another base")
    if rows is None:
        return None
    return tuple(_vgpu(each) for each in checked.rows(rows))


def _row(vgpu: ActiveVgpu) -> list[Any]:
    used = vgpu.framebuffer_used_bytes
    steps = None if used is None else -(-used // STEP_BYTES)
    return [vgpu.server, vgpu.gpu, vgpu.type_id, steps, vgpu.guest_driver]


def _vgpu(value: Any) -> ActiveVgpu:
    server, gpu, type_id, steps, guest_driver = checked.row(value, 5)
    used = checked.number_or_none(steps)
    return ActiveVgpu(
        server=checked.text(server),
        gpu=checked.text(gpu),
        type_id=checked.text(type_id),
        framebuffer_used_bytes=None if used is None else used * STEP_BYTES,
        guest_driver=checked.text_or_none(guest_driver),
    )
