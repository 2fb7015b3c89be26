"""Where this package meets nova.virt.libvirt. The only user of libvirt."""
