"""Nova 32 (2025.2): a ``threading.Event``."""

from nova_livemig_gpu.virt.releases.base import Release

RELEASE = Release(
    number=32,
    finished=lambda event: bool(event.is_set()),
    raises_operation_error=False,
)
