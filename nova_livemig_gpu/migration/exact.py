"""NVML's verdict on one migration, from what both ends say.

The source gives the metadata of the server's running vGPUs, the destination
asks its NVML whether each could go on, on each GPU that was claimed for
them. One "no" refuses; one unknown makes the whole unknown. Which vGPU comes
to which GPU is not told, so that all pairs count: where the GPUs claimed on
one host differ, this refuses rather than risks a server.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nova_livemig_gpu.model import Compatibility, VgpuMetadata


@dataclass(frozen=True)
class Verdict:
    """:ivar compatible: None: unknown

    :ivar reason: in a sentence
    """

    compatible: bool | None
    reason: str


def verdict(
    metadata: VgpuMetadata,
    wanted: int,
    gpus: Sequence[str],
    ask: Callable[[bytes, str], Compatibility],
) -> Verdict:
    """Return NVML's verdict.

    :param metadata: what the source said
    :param wanted: how many vGPUs the server has
    :param gpus: addresses of the GPUs claimed on this host
    :param ask: NVML on this host: metadata, GPU address -> compatibility
    """
    if metadata.blobs is None:
        return Verdict(None, metadata.why or "the source cannot tell")
    if len(metadata.blobs) != wanted:
        return Verdict(
            None,
            f"the source told of {len(metadata.blobs)} of {wanted} vGPUs",
        )
    if not gpus:
        return Verdict(None, "the GPU of the claimed vGPU is not known")
    answers = [
        (gpu, ask(blob, gpu))
        for gpu in dict.fromkeys(gpus)
        for blob in metadata.blobs
    ]
    for wish in (False, None):
        for gpu, answer in answers:
            if answer.live is wish:
                return Verdict(wish, f"GPU {gpu}: {answer.reason}")
    return Verdict(True, "NVML: live")
