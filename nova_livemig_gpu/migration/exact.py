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
    unclear = _unclear(metadata, wanted, gpus)
    if unclear is not None:
        return unclear
    return _all(_each_gpu(metadata, gpus, ask))


def any_verdict(
    metadata: VgpuMetadata,
    wanted: int,
    gpus: Sequence[str],
    ask: Callable[[bytes, str], Compatibility],
) -> Verdict:
    """Return NVML's verdict before anything is claimed.

    One GPU on which all vGPUs could go on is enough; where there is none,
    an unknown one makes the whole unknown.

    :param gpus: addresses of the GPUs of this host that have the type
    """
    unclear = _unclear(metadata, wanted, gpus)
    if unclear is not None:
        return unclear
    found = _each_gpu(metadata, gpus, ask)
    for wish in (True, None):
        for verdict in found:
            if verdict.compatible is wish:
                return verdict
    return found[0]


def _unclear(
    metadata: VgpuMetadata, wanted: int, gpus: Sequence[str]
) -> Verdict | None:
    if metadata.blobs is None:
        return Verdict(None, metadata.why or "the source cannot tell")
    if len(metadata.blobs) != wanted:
        return Verdict(
            None,
            f"the source told of {len(metadata.blobs)} of {wanted} vGPUs",
        )
    if not gpus:
        return Verdict(None, "which GPU the vGPU would come to is not known")
    return None


def _each_gpu(
    metadata: VgpuMetadata,
    gpus: Sequence[str],
    ask: Callable[[bytes, str], Compatibility],
) -> list[Verdict]:
    """Return for each GPU whether all vGPUs could go on there."""
    found = []
    for gpu in dict.fromkeys(gpus):
        answers = [ask(blob, gpu) for blob in metadata.blobs or ()]
        found.append(
            _all(
                [
                    Verdict(answer.live, _sentence(gpu, answer))
                    for answer in answers
                ]
            )
        )
    return found


def _sentence(gpu: str, answer: Compatibility) -> str:
    limits = f" (limit {', '.join(answer.limits)})" if answer.limits else ""
    return f"GPU {gpu}: {answer.reason}{limits}"


def _all(verdicts: Sequence[Verdict]) -> Verdict:
    for wish in (False, None):
        for verdict in verdicts:
            if verdict.compatible is wish:
                return verdict
    return Verdict(True, "NVML: live")
