"""Hook ``nvml``: what the GPUs say of a server's vGPUs, before and after.

For each vGPU: framebuffer used, driver in the guest, and what
``GpuBackend.telemetry`` tells (utilisation, PCIe and NVLink throughput of
its GPU, license state). What the backend cannot tell is left out; a server
without vGPUs gets no note. "After" is the source's view: of a server that
has left there is nothing to see, and the note says so.
"""

from dataclasses import asdict
from typing import Any

from nova_livemig_gpu.migration.hooks import Answer, Facts, Hook
from nova_livemig_gpu.model import Outcome


class NvmlHook(Hook):
    """See the module."""

    def before_start(self, facts: Facts) -> Answer:
        return self._capture(facts)

    def completed(self, facts: Facts, outcome: Outcome) -> Answer:
        return self._capture(facts)

    def failed(self, facts: Facts, outcome: Outcome) -> Answer:
        return self._capture(facts)

    def _capture(self, facts: Facts) -> Answer:
        if not facts.around.vfio:
            return None
        gpus = self.services.gpus
        active = gpus.active()
        if active is None:
            return {"vgpus": None, "why": "this host cannot tell"}
        mine = [each for each in active if each.server == facts.server]
        note: dict[str, Any] = {"vgpus": [_known(asdict(v)) for v in mine]}
        addresses = sorted({each.gpu for each in mine})
        told = {
            address: _known(asdict(found))
            for address in addresses
            if (found := gpus.telemetry(address, facts.server)) is not None
        }
        return {**note, "gpus": told} if told else note


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {key: v for key, v in values.items() if v is not None}
