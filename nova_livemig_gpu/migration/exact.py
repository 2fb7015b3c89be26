"""NVML's verdict on one migration, from what both ends say.

The source gives the metadata of the server's running vGPUs, the destination
asks its NVML whether each could go on, on each GPU that was claimed for
them. Which vGPU comes to which GPU is not told. So it is a "no" where one of
the vGPUs can go on nowhere, or one of the GPUs takes none of them; a "yes"
where every pair is; and unknown otherwise.

Example: a fits g1 only, b fits both. If a comes to g1 they go on.
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
    of_gpus = _of_gpus(metadata, gpus, ask)
    pairs = _all([pair for of_gpu in of_gpus for pair in of_gpu])
    if pairs.compatible is not False:
        return pairs
    of_vgpus = zip(*of_gpus, strict=True)
    ends = _all([_any(each) for each in (*of_gpus, *of_vgpus)])
    if ends.compatible is False:
        return ends
    return Verdict(
        None,
        f"which vGPU comes to which GPU is not known, and {pairs.reason}",
    )


def any_verdict(
    metadata: VgpuMetadata,
    wanted: int,
    gpus: Sequence[str],
    ask: Callable[[bytes, str], Compatibility],
) -> Verdict:
    """Return NVML's verdict before anything is claimed.

    For each vGPU one GPU is enough, since two of another type may come to two
    GPUs; where there is none, an unknown one makes the whole unknown.

    :param gpus: addresses of the GPUs of this host that have the type
    """
    unclear = _unclear(metadata, wanted, gpus)
    if unclear is not None:
        return unclear
    of_vgpus = zip(*_of_gpus(metadata, gpus, ask), strict=True)
    return _all([_any(each) for each in of_vgpus])


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


def _of_gpus(
    metadata: VgpuMetadata,
    gpus: Sequence[str],
    ask: Callable[[bytes, str], Compatibility],
) -> list[list[Verdict]]:
    """Return for each GPU whether each vGPU could go on there."""
    found = []
    for gpu in dict.fromkeys(gpus):
        answers = [ask(blob, gpu) for blob in metadata.blobs or ()]
        found.append(
            [
                Verdict(answer.live, _sentence(gpu, answer))
                for answer in answers
            ]
        )
    return found


def _sentence(gpu: str, answer: Compatibility) -> str:
    limits = f" (limit {', '.join(answer.limits)})" if answer.limits else ""
    return f"GPU {gpu}: {answer.reason}{limits}"


def _all(verdicts: Sequence[Verdict]) -> Verdict:
    return _first(verdicts, (False, None)) or Verdict(True, "NVML: live")


def _any(verdicts: Sequence[Verdict]) -> Verdict:
    return _first(verdicts, (True, None)) or verdicts[0]


def _first(
    verdicts: Sequence[Verdict], wishes: Sequence[bool | None]
) -> Verdict | None:
    for wish in wishes:
        for verdict in verdicts:
            if verdict.compatible is wish:
                return verdict
    return None
