"""pynvml's own calls are wrong where ours are right, on the same library.

If one of these fails because the binding has been mended: good.
"""

from tests.nvml import stand_in
from tests.nvml.host import Host

GIB = 2**30
SERVER = "5c2dbcd1-6c0a-4a0c-9d38-1f6e3e3c3a11"


def test_framebuffer_used_has_64_bits(host: Host) -> None:
    (theirs, ours), _ = host.ask(
        stand_in.load("h100"),
        """
        import ctypes, pynvml
        # Their variable has 32 bits and C writes 64: what is above it is
        # overwritten, so give them room that may be.
        class Roomy(ctypes.Structure):
            _fields_ = [("value", ctypes.c_uint), ("above", ctypes.c_uint)]
        pynvml.c_uint = lambda value=0: Roomy(value, 0)
        pynvml.nvmlInit()
        gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
        pynvml.c_uint = ctypes.c_uint
        vgpu = pynvml.nvmlDeviceGetActiveVgpus(gpu)[0]
        pynvml.c_uint = lambda value=0: Roomy(value, 0)
        theirs = pynvml.nvmlVgpuInstanceGetFbUsage(vgpu)
        pynvml.c_uint = ctypes.c_uint
        result = theirs, backend.active()[0].framebuffer_used_bytes
        """,
    )
    assert theirs == 2 * GIB
    assert ours == 6 * GIB


def test_metadata_are_whole(host: Host) -> None:
    """Theirs stops at the first NUL, and ignores the size NVML tells."""
    (theirs, ours), _ = host.ask(
        stand_in.load("h100"),
        """
        import pynvml
        pynvml.nvmlInit()
        gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
        # room behind their struct, into which NVML writes
        class Roomy(pynvml.Structure):
            _fields_ = [
                ("metadata", pynvml.c_nvmlVgpuPgpuMetadata_t),
                ("behind", pynvml.c_char * 4096),
            ]
        struct = pynvml.c_nvmlVgpuPgpuMetadata_t
        keep = []
        def roomy():
            keep.append(Roomy())
            return keep[-1].metadata
        pynvml.c_nvmlVgpuPgpuMetadata_t = roomy
        for _ in range(4):  # they do not ask again when it has grown
            try:
                theirs = pynvml.nvmlDeviceGetVgpuMetadata(gpu)
                break
            except pynvml.NVMLError_InsufficientSize:
                pass
        pynvml.c_nvmlVgpuPgpuMetadata_t = struct
        ours = backend.pgpu_metadata("0000:3b:00.0")
        result = (
            (theirs.opaqueDataSize, theirs.opaqueData),
            (len(ours), ours),
        )
        """,
    )
    told_bytes, opaque = theirs
    whole_bytes, raw = ours
    assert told_bytes > 260 > len(opaque)
    assert opaque == "STANDIP"
    assert whole_bytes == 124 + told_bytes
    assert raw[124:].startswith(b"STANDIP\0h100-sxm-80\0")
    assert raw.count(b"\0") > 500


def test_metadata_that_grow_between_the_calls(host: Host) -> None:
    """The size query is wrong by the time it is used, twice."""
    description = stand_in.load("h100")
    description["gpu"][0]["vgpu"][0]["metadata_grows"] = 3
    code = f"result = backend.vgpu_metadata({SERVER!r})"
    (metadata,), warnings = host.ask(description, code)
    assert len(metadata) == 208 + 48 + 1500 + 3 * 32
    assert warnings == []


def test_metadata_that_never_stop_growing(host: Host) -> None:
    description = stand_in.load("h100")
    description["gpu"][0]["vgpu"][0]["metadata_grows"] = 1000
    code = f"result = backend.vgpu_metadata({SERVER!r})"
    metadata, warnings = host.ask(description, code)
    assert metadata == ()
    assert len(warnings) == 1 and "Insufficient Size" in warnings[0]


def test_vm_id_of_a_full_buffer(host: Host) -> None:
    """We claim the 80 bytes that there are; the binding claims 128."""
    description = stand_in.load("h100")
    (claimed, ours), _ = host.ask(
        description,
        """
        import pynvml
        claimed = []
        backend.active()
        def spy(vgpu, text, size, kind):
            claimed.append((len(text._obj), size.value))
            return 0
        pynvml._nvmlGetFunctionPointer_cache["nvmlVgpuInstanceGetVmID"] = spy
        pynvml.nvmlVgpuInstanceGetVmID(1)
        result = claimed, backend.active()[0].server
        """,
    )
    assert claimed == [(80, 128)]
    assert ours == SERVER
