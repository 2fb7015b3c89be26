"""Asks NVML, and knows what its refusals mean for a fact."""

from collections.abc import Callable
from typing import Any, TypeVar

from nova_livemig_gpu.gpu.once import Once

T = TypeVar("T")


class GpuGone(Exception):
    """The GPU does not answer any more: none of its facts can be had."""


class VgpuGone(Exception):
    """The vGPU has ended since it was listed."""


class Ask:
    """Calls NVML. What cannot be known is None; faults are warned of once.

    :param pynvml: the module
    """

    def __init__(self, pynvml: Any, once: Once) -> None:
        self._pynvml = pynvml
        self._once = once

    def __call__(
        self, what: str, call: Callable[..., T], *of: Any
    ) -> T | None:
        """Return the answer; None: unknown.

        :param what: the fact, for the log: "ECC mode"
        :raises GpuGone: the whole GPU is unknown
        """
        try:
            return call(*of)
        except UnicodeDecodeError:
            self._once.warn(f"text {what}", f"NVML: {what} is not readable")
        except self._pynvml.NVMLError as error:
            self._refused(what, error)
        return None

    def vgpu(self, what: str, call: Callable[[int], T], of: int) -> T | None:
        """Ask about a vGPU.

        :raises VgpuGone: there is none any more
        """

        def ask() -> T:
            try:
                return call(of)
            except self._pynvml.NVMLError as error:
                if error.value in (
                    self._pynvml.NVML_ERROR_NOT_FOUND,
                    self._pynvml.NVML_ERROR_INVALID_ARGUMENT,
                ):
                    raise VgpuGone(str(error)) from error
                raise

        return self(what, ask)

    def _refused(self, what: str, error: Any) -> None:
        nvml = self._pynvml
        code = error.value
        if code == nvml.NVML_ERROR_NOT_SUPPORTED:
            return  # by this GPU: nothing to be warned of
        if code in (
            nvml.NVML_ERROR_GPU_IS_LOST,
            nvml.NVML_ERROR_RESET_REQUIRED,
            nvml.NVML_ERROR_IRQ_ISSUE,
        ):
            raise GpuGone(str(error)) from error
        if code == nvml.NVML_ERROR_UNINITIALIZED:
            raise error
        key, hint = what, ""
        if code == nvml.NVML_ERROR_FUNCTION_NOT_FOUND:
            hint = "; the driver of this host is too old for it"
        elif code == nvml.NVML_ERROR_NO_PERMISSION:
            # one reason, one warning, however many facts it hides
            key, hint = "permission", ", and maybe more for the same reason"
        self._once.warn(
            f"fact {key}", f"NVML: {what} is unknown: {error}{hint}"
        )
