"""Nova 34 (2026.2): a future."""

from nova_livemig_gpu.virt.releases.base import Release

RELEASE = Release(
    number=34,
    finished=lambda future: bool(future.done()),
    raises_operation_error=True,
)
