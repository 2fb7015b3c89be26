"""python -m tests.nvml.bench: how long collecting facts takes.

16 GPUs, 24 vGPU types and 8 vGPUs each, 16 virtual functions each in a
sysfs of ordinary files; the stand-in answers at once, so that this is our
own part and the binding's. On a busy machine look at the CPU time.
"""

import statistics
import tempfile
from pathlib import Path

from tests.nvml import many, stand_in
from tests.nvml.host import Host

ROUNDS = 30

Times = dict[str, list[tuple[float, float]]]

CODE = """
import time
from nova_livemig_gpu.facts.collect import collect
from nova_livemig_gpu.gpu.bounded import BoundedBackend

def timed(call):
    times = []
    for _ in range({rounds}):
        begun_s, cpu_s = time.perf_counter(), time.process_time()
        assert call() is not None
        times.append((
            1000 * (time.perf_counter() - begun_s),
            1000 * (time.process_time() - cpu_s),
        ))
    return times

def everything(backend):
    facts = collect("1.0", 34, backend)
    assert len(facts.gpus) == 16 and len(facts.active) == 128
    return facts

bounded = BoundedBackend("nvml", backend, 5)
server = "00000000-0000-0000-0003-000000000002"
metadata = backend.vgpu_metadata(server)[0]
gpu = backend.devices()[0].address
result = {{
    "all facts": timed(lambda: everything(backend)),
    "the same, bounded": timed(lambda: everything(bounded)),
    "devices": timed(backend.devices),
    "active": timed(backend.active),
    "guest_drivers": timed(backend.guest_drivers),
    "vgpu_metadata": timed(lambda: backend.vgpu_metadata(server)),
    "compatibility": timed(lambda: backend.compatibility(metadata, gpu)),
    "kernel alone": timed(backend._kernel.devices),
}}
"""


def measure(folder: Path, rounds: int = ROUNDS) -> Times:
    """Return milliseconds of each round: by the clock, of CPU."""
    host = Host(stand_in.build(folder / "library"), folder)
    many.sysfs(folder / "sys", gpus=16, types=24, functions=16)
    description = many.nvml(gpus=16, types=24, vgpus=8)
    told = host.ask(description, CODE.format(rounds=rounds))
    times: Times = told.result
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        times = measure(Path(folder))
    print(f"{'ms, 16 GPUs':20} {'median':>8} {'worst':>8} {'CPU':>8}")
    for name, each in times.items():
        clock, cpu = zip(*each, strict=True)
        print(
            f"{name:20} {statistics.median(clock):8.2f} {max(clock):8.2f}"
            f" {statistics.median(cpu):8.2f}"
        )


if __name__ == "__main__":
    main()
