"""Stuns that vendors have published: framebuffer used in GB, seconds.

VMware vSphere, vMotion with one vGPU over 10 GbE. The rows of the V100 are
whole seconds.
"""

#: vSphere 7.0, V100 32 GB, expected.
V100 = ((1, 2.0), (2, 4.0), (4, 6.0), (8, 12.0), (16, 22.0), (32, 39.0))
#: The same, worst case, a server with 4 GB of memory.
V100_WORST = (
    (1, 5.0),
    (2, 7.0),
    (4, 13.0),
    (8, 24.0),
    (16, 47.0),
    (32, 91.0),
)
#: vSphere 6.7U1, P40.
P40 = ((1, 9.0), (2, 16.5), (4, 31.4), (8, 61.3), (10, 76.3), (12, 91.2))

#: By a word of the GPU's name.
BY_NAME = {"V100": V100, "P40": P40}


def rows(gpu: str) -> tuple[tuple[int, float], ...]:
    """Return what is published of a GPU; empty: nothing."""
    words = gpu.upper().replace("-", " ").split()
    for name, table in BY_NAME.items():
        if name in words:
            return table
    return ()
