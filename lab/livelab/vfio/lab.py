# SPDX-License-Identifier: Apache-2.0
"""The two VFIO hosts, from nothing to ready and back."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from livelab import paths
from livelab.errors import LabError
from livelab.hosts import CONTROLLER, Network
from livelab.vfio import clock, early, image, knowledge, modules, trees
from livelab.vfio.image import Image
from livelab.vfio.machine import MACHINE1, MACHINE2, MEMORY_MIB, Boot, Machine

DEVICES = ("mtty", "vgpu")


class VfioLab:
    """Two machines on the bridge of a network that is up."""

    def __init__(self, network: Network) -> None:
        self.network = network
        via = network[CONTROLLER.name]
        self.machines = (Machine(MACHINE1, via), Machine(MACHINE2, via))

    def __getitem__(self, name: str) -> Machine:
        for machine in self.machines:
            if machine.name == name:
                return machine
        known = ", ".join(machine.name for machine in self.machines)
        raise LabError(f"no machine {name!r}; there are: {known}")

    @property
    def state(self) -> Path:
        return self.network.state

    @property
    def cache(self) -> Path:
        return paths.cache_dir(self.state) / "vfio"

    @cached_property
    def image(self) -> Image:
        """The disk; minutes when it is not in the cache."""
        return image.build(self.cache, paths.log_dir(self.state))

    def start(
        self,
        device: str | None = None,
        *,
        memory_mib: int = MEMORY_MIB,
        instances: Path | None = None,
        cpus: Sequence[str] = ("max", "max"),
    ) -> None:
        """Boot what does not run; does not wait. Raises LabError.

        device is one of DEVICES; the lab's own where it has one.
        """
        boot = Boot(
            self.image.kernel,
            self._initramfs(),
            self.image.disk,
            device or default_device(),
            memory_mib,
            instances,
        )
        for machine, cpu in zip(self.machines, cpus, strict=True):
            machine.start(replace(boot, cpu=cpu))

    def wait_ready(self) -> None:
        """Wait for both; libvirt knows its QEMU then, and their clocks agree.

        Raises LabError.
        """
        self._both(Machine.wait_ready)
        clock.set_right(self.machines)
        if knowledge.find(self.cache, self.image) is None:
            self._both(knowledge.gain)
            knowledge.keep(self.machines[0], self.cache, self.image)

    def stop(self) -> None:
        """Switch both off."""
        self._both(Machine.stop)

    def reload_modules(self) -> list[str]:
        """Build lab/vgpu and load it in both; the modules' names.

        Guests that have such a device must be gone. Raises LabError.
        """
        built = self._vgpu_modules()
        if not built:
            raise LabError(f"no *.c in {modules.VGPU}")
        for machine in self.machines:
            machine.run(f"mkdir -p /{early.MODULES}; rm -f /{early.MODULES}/*")
            for file in built:
                machine.run(
                    f"cat >/{early.MODULES}/{file.name}",
                    input=file.read_bytes(),
                )
            machine.run("lab-devices vgpu")
        return [file.name for file in built]

    def _vgpu_modules(self) -> list[Path]:
        log = paths.log_dir(self.state) / "vfio-build-tree.log"
        built = modules.build_vgpu(self.cache, log)
        if built:
            (builder,) = self.cache.glob("build-*")
            version = trees.kernel_version(builder)
            if version != self.image.version:
                raise LabError(
                    f"modules for {version}, the image has "
                    f"{self.image.version}: remove {self.cache}"
                )
        return built

    def _initramfs(self) -> Path:
        place = paths.run_dir(self.state) / "vfio-initramfs"
        specs = [host.spec for host in self.network.hosts.values()]
        names = {spec.name: spec.ip for spec in specs}
        names |= {machine.name: machine.ip for machine in self.machines}
        known = knowledge.find(self.cache, self.image)
        early.pack(self.image, self._vgpu_modules(), names, known, place)
        return place

    def _both(self, step: Callable[[Machine], None]) -> None:
        with ThreadPoolExecutor(len(self.machines)) as pool:
            list(pool.map(step, self.machines))


def default_device() -> str:
    """The lab's own test device where it has one, else the sample."""
    own = any(path.suffix == ".c" for path in modules.vgpu_sources())
    return "vgpu" if own else "mtty"
