# SPDX-License-Identifier: Apache-2.0
"""Which mediated devices nova-compute offers."""

from tests.devstack.node import ALL, STACK, Node
from tests.devstack.sections import parse, read


def test_mdev_samples(node: Node) -> None:
    """What Nova's plugin builds is offered, without another line."""
    node.local_conf(ALL, "NOVA_COMPILE_MDEV_SAMPLES=True")
    said = node.run(*STACK, "clean")
    cpu = parse(node.after("6-extra", "nova/nova-cpu.conf"))
    assert cpu["devices"]["enabled_mdev_types"] == ["mtty-1"]
    assert cpu["mdev_mtty-1"]["device_addresses"] == ["mtty_mtty"]
    # this machine has no such device
    assert "offers the type mtty-1" in said
    assert "mtty" not in node.cpu_conf.read_text()


def test_nvidia(node: Node) -> None:
    """Types on virtual functions that are not there yet."""
    manage = node.root / "sriov-manage"
    types = node.root / "sys/class/mdev_bus/84.4/mdev_supported_types"
    manage.write_text(
        f'#!/bin/sh\necho "sriov-manage $*" >>{node.calls_file}\n'
        f"mkdir -p {types}/nvidia-474\n"
    )
    manage.chmod(0o755)
    more = (
        'LIVEMIG_GPU_MDEV_TYPES="nvidia-474=0000:84:00.4,0000:84:00.5 '
        'nvidia-475"\n'
        f"LIVEMIG_GPU_SRIOV_MANAGE={manage}\n"
        f"LIVEMIG_GPU_SYSFS={node.root}/sys"
    )
    node.local_conf(ALL, more)
    said = node.run(*STACK, "post-config")
    cpu = read(node.cpu_conf)
    assert cpu["devices"]["enabled_mdev_types"] == ["nvidia-474,nvidia-475"]
    assert cpu["mdev_nvidia-474"]["device_addresses"] == [
        "0000:84:00.4,0000:84:00.5"
    ]
    assert "mdev_nvidia-475" not in cpu
    assert "offers the type nvidia-475" in said
    assert "offers the type nvidia-474" not in said
