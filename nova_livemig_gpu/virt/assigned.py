"""Which server has which vGPU, and which vGPU no server has: Nova can tell.

A GPU backend knows what exists. Which server has it, libvirt's domains say,
those that are shut off included: so Nova looks for mdevs that it may give
away (``_get_existing_mdevs_not_assigned`` in nova/virt/libvirt/driver.py),
and the same is done here for virtual functions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import ActiveVgpu, GpuDevice, VgpuKind
from nova_livemig_gpu.virt import errors
from nova_livemig_gpu.virt.devices import vfio_devices
from nova_livemig_gpu.virt.exact import gpu_address

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExistingVgpu:
    """A vGPU that exists on this host.

    :ivar gpu: address of its GPU
    :ivar type_id: see ``model.VgpuType``
    :ivar server: UUID of the server that has it; None: it is idle
    :ivar reusable: Nova would give it to the next server
    """

    gpu: str
    type_id: str
    server: str | None
    reusable: bool = True


class WithNova(GpuBackend):
    """A backend, with what Nova and libvirt know of its vGPUs.

    Looks once: for one round of questions.

    :param driver: nova.virt.libvirt.driver.LibvirtDriver
    """

    def __init__(self, backend: GpuBackend, driver: Any) -> None:
        self._backend = backend
        self._driver = driver

    def score(self) -> int:
        return self._backend.score()

    def devices(self) -> Sequence[GpuDevice] | None:
        """Return the backend's GPUs, with the idle vGPUs of each type; which
        these are is unknown where libvirt cannot be asked."""
        gpus = self._gpus
        if gpus is None or not any(gpu.types for gpu in gpus):
            return gpus
        try:
            idle = _idle(self._existing)
        except Exception as exc:
            LOG.warning("The idle vGPUs of this host are unknown: %s", exc)
            idle = None
        return tuple(_with_idle(gpu, idle) for gpu in gpus)

    def guest_drivers(self) -> Mapping[str, str] | None:
        return self._backend.guest_drivers()

    def active(self) -> Sequence[ActiveVgpu] | None:
        """Return the vGPUs in use, from Nova where the backend cannot tell
        them, or cannot now."""
        found = self._backend.active()
        if found is not None:
            return found
        return tuple(
            ActiveVgpu(each.server, each.gpu, each.type_id)
            for each in self._existing
            if each.server is not None
        )

    @cached_property
    def _gpus(self) -> Sequence[GpuDevice] | None:
        return self._backend.devices()

    @cached_property
    def _existing(self) -> tuple[ExistingVgpu, ...]:
        """Nothing is asked of libvirt for a kind that no GPU here has."""
        kinds = {gpu.kind for gpu in self._gpus or ()}
        found: tuple[ExistingVgpu, ...] = ()
        if self._gpus is None or VgpuKind.MDEV in kinds:
            found += mdevs(self._driver)
        if VgpuKind.VF in kinds:
            found += functions(self._driver, self._backend)
        return found


def mdevs(driver: Any) -> tuple[ExistingVgpu, ...]:
    """Return the mediated devices of this host, as Nova knows them."""
    devices = driver._get_mediated_devices()
    owners = driver._get_all_assigned_mediated_devices() if devices else {}
    return tuple(
        ExistingVgpu(
            gpu_address(device["parent"]),
            device["type"],
            owners.get(device["uuid"]),
            # Nova gives away one type of each parent (_allocate_mdevs).
            driver._get_vgpu_type_per_pgpu(device["parent"]) == device["type"],
        )
        for device in devices
    )


def functions(driver: Any, backend: GpuBackend) -> tuple[ExistingVgpu, ...]:
    """Return the virtual functions of this host that are vGPUs.

    :raises ValueError: they are unknown
    """
    existing = backend.functions()
    if existing is None:
        raise ValueError("the virtual functions cannot be read")
    owners = _owners_of_functions(driver) if existing else {}
    return tuple(
        ExistingVgpu(each.gpu, each.type_id, owners.get(each.address))
        for each in existing
    )


def _owners_of_functions(driver: Any) -> dict[str, str]:
    """Return PCI address -> UUID of the server that has the function."""
    owners = {}
    for guest in driver._host.list_guests(only_running=False):
        try:
            devices = vfio_devices(guest.get_xml_desc())
        except Exception as exc:
            if not errors.domain_gone(exc):
                raise
            continue  # since it was listed
        for device in devices:
            owners[device.address] = guest.uuid
    return owners


def _idle(existing: Sequence[ExistingVgpu]) -> Counter[tuple[str, str]]:
    """Return how many of each GPU and type the next servers would get."""
    return Counter(
        (each.gpu, each.type_id)
        for each in existing
        if each.server is None and each.reusable
    )


def _with_idle(
    gpu: GpuDevice, idle: Counter[tuple[str, str]] | None
) -> GpuDevice:
    return replace(
        gpu,
        types=tuple(
            replace(
                each,
                idle=None if idle is None else idle[gpu.address, each.type_id],
            )
            for each in gpu.types
        ),
    )
