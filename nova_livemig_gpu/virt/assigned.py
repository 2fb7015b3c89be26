"""Which server has which vGPU, where the GPU backend cannot know: Nova can."""

from collections.abc import Mapping, Sequence
from typing import Any

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import ActiveVgpu
from nova_livemig_gpu.virt.exact import gpu_address


class WithNova(GpuBackend):
    """A backend, and Nova's mdevs where it knows no servers.

    :param driver: nova.virt.libvirt.driver.LibvirtDriver
    """

    def __init__(self, backend: GpuBackend, driver: Any) -> None:
        self._backend = backend
        self._driver = driver

    def score(self) -> int:
        return self._backend.score()

    def devices(self) -> Any:
        return self._backend.devices()

    def guest_drivers(self) -> Mapping[str, str] | None:
        return self._backend.guest_drivers()

    def active(self) -> Sequence[ActiveVgpu] | None:
        found = self._backend.active()
        if found is not None or self._backend.knows_servers:
            return found
        return assigned(
            self._driver._get_all_assigned_mediated_devices(),
            self._driver._get_mediated_devices(),
        )


def assigned(
    servers: Mapping[str, str], devices: Sequence[Mapping[str, Any]]
) -> tuple[ActiveVgpu, ...]:
    """Return the vGPUs in use as Nova and libvirt know them.

    :param servers: mdev UUID -> UUID of the server that has it
        (``LibvirtDriver._get_all_assigned_mediated_devices``)
    :param devices: ``LibvirtDriver._get_mediated_devices``
    """
    return tuple(
        ActiveVgpu(
            server=servers[device["uuid"]],
            gpu=gpu_address(device["parent"]),
            type_id=device["type"],
        )
        for device in devices
        if device["uuid"] in servers
    )
