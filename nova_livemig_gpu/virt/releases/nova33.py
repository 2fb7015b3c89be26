"""Nova 33 (2026.1): a future."""

from nova_livemig_gpu.virt.releases.base import Release

RELEASE = Release(
    number=33,
    finished=lambda future: bool(future.done()),
    raises_operation_error=True,
)
