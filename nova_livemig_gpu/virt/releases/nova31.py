"""Nova 31 (2025.1): an ``eventlet.event.Event``."""

from nova_livemig_gpu.virt.releases.base import Release

RELEASE = Release(
    number=31,
    finished=lambda event: bool(event.ready()),
    raises_operation_error=False,
)
