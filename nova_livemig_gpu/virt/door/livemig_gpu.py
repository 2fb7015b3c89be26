"""Imported as ``nova.virt.livemig_gpu``.

``nova_livemig_gpu.notify`` appends this directory to ``nova.virt.__path__``,
so that ``compute_driver = livemig_gpu.LibvirtDriver`` finds it
(``nova.virt.driver.load_compute_driver`` imports ``nova.virt.<value>``).
"""

try:
    from nova_livemig_gpu.virt.driver import LibvirtDriver
except ModuleNotFoundError as exc:
    if exc.name != "libvirt":
        raise
    raise ImportError(
        "libvirt-python is missing on this compute host: install "
        "nova-livemig-gpu[compute] or your distribution's python3-libvirt"
    ) from exc

__all__ = ["LibvirtDriver"]
