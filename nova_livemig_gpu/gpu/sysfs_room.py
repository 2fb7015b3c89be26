"""How many more vGPUs there is room for, from what virtual functions say.

Each free function makes one vGPU, and offers a type as long as the physical
GPU has room for one more of it. So of two that offer it

    one is certain, a second one is unknown

and their sum would promise too much. Of one that offers a type and one that
does not, or of a parent without functions, the number is exact. A function
that does not tell makes what the others offer a least number.

Example: three free functions offer A100-20C, on a GPU with one of its four
quarters left or with three: "1 or more".
"""

from collections.abc import Iterable
from dataclasses import replace

from nova_livemig_gpu.model import VgpuType


def merged(views: Iterable[VgpuType]) -> list[VgpuType]:
    """Return one for each type, from what each function says of it."""
    found: dict[str, VgpuType] = {}
    for each in views:
        before = found.get(each.type_id)
        found[each.type_id] = _both(before, each) if before else each
    return list(found.values())


def decided(
    types: Iterable[VgpuType], of_kernel: Iterable[VgpuType]
) -> tuple[VgpuType, ...]:
    """Return NVML's types with the room that the kernel has for them.

    It is the kernel that makes a vGPU or does not. NVML knows of no vGPU
    before its server runs, so that it sees room where an idle one stands.
    Only where the kernel tells no more than "1 or more" NVML's number stands.
    A type that the kernel does not name is one that no function offers.

    :param of_kernel: empty: the kernel tells nothing
    """
    room = {each.type_id: each for each in of_kernel}
    if not room:
        return tuple(types)
    none = VgpuType("", "", creatable=0)
    return tuple(
        _with_room(each, room.get(each.type_id, none)) for each in types
    )


def _with_room(nvml: VgpuType, kernel: VgpuType) -> VgpuType:
    if kernel.creatable is None or (kernel.or_more and nvml.creatable):
        return nvml
    return replace(nvml, creatable=kernel.creatable, or_more=kernel.or_more)


def _both(one: VgpuType, other: VgpuType) -> VgpuType:
    """The one with more room has the name: of a type in use the kernel may
    tell no more than a number."""
    if one.creatable == 0:
        return other
    if other.creatable == 0:
        return one
    best = max(one, other, key=lambda each: each.creatable or 0)
    return replace(best, or_more=best.creatable is not None)
