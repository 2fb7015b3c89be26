"""How busy a GPU is, and whether a server's vGPUs are licensed."""

from typing import Any

from nova_livemig_gpu.gpu.nvml_ask import Ask, VgpuGone
from nova_livemig_gpu.gpu.nvml_calls import NvmlCalls
from nova_livemig_gpu.gpu.nvml_vgpu import VgpuReader
from nova_livemig_gpu.model import GpuTelemetry

_KB = 1000


def read(
    pynvml: Any, calls: NvmlCalls, ask: Ask, handle: Any, server: str
) -> GpuTelemetry:
    """Read a GPU; what it does not tell is None.

    PCIe throughput is what NVML counts over 20 ms, each way.

    :raises GpuGone: it does not answer any more
    """
    rates = ask("utilisation", pynvml.nvmlDeviceGetUtilizationRates, handle)
    sent, received = (
        ask("PCIe throughput", pynvml.nvmlDeviceGetPcieThroughput, handle, way)
        for way in (
            pynvml.NVML_PCIE_UTIL_TX_BYTES,
            pynvml.NVML_PCIE_UTIL_RX_BYTES,
        )
    )
    reader = VgpuReader(pynvml, calls, ask)
    return GpuTelemetry(
        gpu_percent=rates and int(rates.gpu),
        memory_percent=rates and int(rates.memory),
        pcie_tx_bps=None if sent is None else sent * _KB,
        pcie_rx_bps=None if received is None else received * _KB,
        nvlink_tx_kib=_field(
            pynvml, ask, handle, "NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX"
        ),
        nvlink_rx_kib=_field(
            pynvml, ask, handle, "NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX"
        ),
        licensed=tuple(
            _licensed(pynvml, ask, instance)
            for instance in reader.instances_of(handle, server)
        ),
    )


def _field(pynvml: Any, ask: Ask, handle: Any, name: str) -> int | None:
    """A counter of all NVLinks together, KiB since the driver was loaded."""
    number = getattr(pynvml, name, None)
    # The second of a pair is the scope: all links of the GPU.
    every = 0xFFFFFFFF
    if number is None:
        return None
    told = ask(
        "NVLink throughput",
        pynvml.nvmlDeviceGetFieldValues,
        handle,
        [(number, every)],
    )
    if not told or told[0].nvmlReturn != pynvml.NVML_SUCCESS:
        return None
    return int(told[0].value.ullVal)


def _licensed(pynvml: Any, ask: Ask, instance: int) -> bool | None:
    try:
        told = ask.vgpu(
            "license", pynvml.nvmlVgpuInstanceGetLicenseInfo_v2, instance
        )
    except VgpuGone:
        return None
    return None if told is None else bool(told.isLicensed)
