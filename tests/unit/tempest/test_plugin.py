"""What Tempest is told."""

import ast
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from oslo_config import cfg

from nova_livemig_gpu.tempest import options
from nova_livemig_gpu.tempest.plugin import LivemigGpuPlugin

TESTS = Path(options.__file__).parent / "tests"


def test_the_entry_point_is_the_plugin():
    (point,) = [
        each
        for each in entry_points(group="tempest.test_plugins")
        if each.name == "nova_livemig_gpu"
    ]
    assert point.load() is LivemigGpuPlugin


def test_tests_are_where_it_says():
    directory, top = LivemigGpuPlugin().load_tests()
    assert Path(directory) == TESTS
    assert Path(top, "nova_livemig_gpu", "tempest", "tests") == TESTS
    assert len(list(TESTS.glob("test_*.py"))) >= 6


def test_options():
    conf = cfg.ConfigOpts()
    LivemigGpuPlugin().register_opts(conf)
    conf(args=[])
    assert conf.livemig_gpu.driver is True
    assert conf.livemig_gpu.vgpu_resources == {}
    ((group, listed),) = LivemigGpuPlugin().get_opt_lists()
    assert group == "livemig_gpu"
    assert {opt.name for opt in listed} == set(conf.livemig_gpu)


@pytest.mark.parametrize("opt", options.OPTS, ids=lambda opt: opt.name)
def test_every_option_is_used_and_explained(opt):
    assert opt.help and opt.help.strip().endswith((".", "``"))
    code = "".join(
        path.read_text()
        for path in TESTS.parent.rglob("*.py")
        if path.name != "options.py"
    )
    assert re.search(rf"\.{opt.name}\b", code)


def _cases():
    for path in sorted(TESTS.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "name", "")
            if isinstance(node, ast.FunctionDef) and name.startswith("test_"):
                yield f"{path.stem}.{name}", node


def test_ids_are_there_and_differ():
    """Tempest knows tests by them; its own check needs a git tree."""
    seen = {}
    for name, node in _cases():
        (found,) = [
            each.args[0].value
            for each in node.decorator_list
            if isinstance(each, ast.Call)
            and ast.unparse(each.func) == "decorators.idempotent_id"
        ]
        assert re.fullmatch(
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found
        )
        assert found not in seen, f"{name} and {seen[found]}"
        seen[found] = name
    assert len(seen) >= 20


def test_nova_need_not_be_there():
    """Tempest's environment has no Nova, libvirt or NVML."""
    for path in TESTS.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module.split(".")[0] not in ("nova", "libvirt")
                if node.module.startswith("nova_livemig_gpu"):
                    assert (
                        node.module.startswith("nova_livemig_gpu.tempest")
                        or node.names[0].name == "tempest"
                    )
