"""Builds what the kernel would show in /sys."""

from pathlib import Path


class Kernel:
    """A sysfs in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)

    def write(self, path: str, text: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        raw = text if isinstance(text, bytes) else text.encode()
        file.write_bytes(raw)

    def link(self, path: str, to: str) -> None:
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(to)

    def pci(
        self,
        address: str,
        ids: str = "10de:2330:10de:16c1",
        physfn: str | None = None,
        driver: str | None = None,
    ) -> None:
        at = f"bus/pci/devices/{address}"
        names = ("vendor", "device", "subsystem_vendor", "subsystem_device")
        for name, value in zip(names, ids.split(":"), strict=True):
            self.write(f"{at}/{name}", f"0x{value}\n")
        self.write(f"{at}/class", "0x030200\n")
        if physfn:
            self.link(f"{at}/physfn", f"../{physfn}")
        if driver:
            self.link(f"{at}/driver", f"../../../../bus/pci/drivers/{driver}")

    def vf(
        self, address: str, physfn: str, current: str, creatable: str
    ) -> None:
        self.pci(address, physfn=physfn, driver="nvidia")
        at = f"bus/pci/devices/{address}/nvidia"
        self.write(f"{at}/current_vgpu_type", f"{current}\n")
        self.write(f"{at}/creatable_vgpu_types", creatable)

    def mdev_type(
        self,
        parent: str,
        type_id: str,
        name: str = "",
        available: str = "1",
        description: str = "",
    ) -> None:
        at = f"class/mdev_bus/{parent}/mdev_supported_types/{type_id}"
        self.write(f"{at}/name", name)
        self.write(f"{at}/available_instances", f"{available}\n")
        self.write(f"{at}/description", description)

    def mdev(self, parent: str, uuid: str) -> None:
        self.write(f"class/mdev_bus/{parent}/{uuid}/uevent", "")

    def vfio_debug(self, device: str, features: str | None) -> None:
        at = f"kernel/debug/vfio/{device}"
        (self.root / at).mkdir(parents=True)
        if features is not None:
            self.write(f"{at}/migration/features", features)
