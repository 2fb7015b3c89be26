"""Imported as ``nova.virt.livemig_gpu``.

``nova_livemig_gpu.notify`` appends this directory to ``nova.virt.__path__``,
so that ``compute_driver = livemig_gpu.LibvirtDriver`` finds it
(``nova.virt.driver.load_compute_driver`` imports ``nova.virt.<value>``).
"""

from nova_livemig_gpu.virt.driver import LibvirtDriver

__all__ = ["LibvirtDriver"]
