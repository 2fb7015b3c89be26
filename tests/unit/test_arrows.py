"""Imports go down only; who may know Nova, libvirt and NVML.

The house and its arrows: see the package's documentation. What is checked
here is read from the sources, so that lazy imports count as well.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nova_livemig_gpu

PACKAGE = Path(nova_livemig_gpu.__file__).parent
NAME = "nova_livemig_gpu"

#: From the bottom up. Rooms on one floor do not know each other, except
#: that those of the first are the ground that all stand on.
FLOORS = (
    {"model", "exception", "fallback", "files", "foreign"},
    {"conf"},
    {"prediction"},
    {"policies"},
    {"gpu"},
    {"facts"},
    {"history"},
    {"migration"},
    {"rpc"},
    {"planning"},
    {"scheduler"},
    {"virt", "notify", "tempest"},
    # An operator's command may look at the host as the driver does.
    {"cmd"},
)
FLOOR = {room: n for n, rooms in enumerate(FLOORS) for room in rooms}

KNOW = {
    "nova": ("virt", "scheduler", "notify", "cmd"),
    "libvirt": ("virt",),
    "libvirt_qemu": ("virt",),
    "pynvml": ("gpu.nvml",),
    "tempest": ("tempest",),
}
#: A decider is given values: no clock, no configuration, no I/O.
PURE = ("prediction", "policies")
IMPURE = (
    "time",
    "datetime",
    "random",
    "os",
    "subprocess",
    "socket",
    "threading",
    "oslo_config",
    "nova_livemig_gpu.conf",
)


def modules() -> dict[str, Path]:
    """Return all modules by their name within the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


MODULES = modules()


def imports(name: str) -> Iterator[str]:
    """Yield the full name of everything a module imports, at any depth."""
    path = MODULES[name]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for each in node.names:
                yield each.name
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            assert node.module is not None
            for each in node.names:
                yield f"{node.module}.{each.name}"


def own(name: str) -> Iterator[str]:
    """Yield the modules of this package that a module imports."""
    for full in imports(name):
        parts = full.split(".")
        if parts[0] != NAME:
            continue
        while parts[1:] and ".".join(parts[1:]) not in MODULES:
            parts.pop()
        yield ".".join(parts[1:])


def room(name: str) -> str:
    return name.split(".")[0]


def within(full: str, module: str) -> bool:
    return full == module or full.startswith(module + ".")


def test_the_house_is_known():
    """A new room needs a floor."""
    rooms = {room(name) for name in MODULES if name}
    assert rooms <= set(FLOOR)


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down_only(name):
    if not name:
        assert not list(own(name)), "logic in the package's __init__"
        return
    here = room(name)
    for other in own(name):
        if not other or room(other) == here:
            continue
        assert FLOOR[room(other)] < FLOOR[here], f"{name} imports {other}"


@pytest.mark.parametrize("library", KNOW)
def test_who_may_know(library):
    for name in MODULES:
        allowed = any(within(name, each) for each in KNOW[library])
        used = [full for full in imports(name) if within(full, library)]
        assert allowed or not used, f"{name} imports {used}"


@pytest.mark.parametrize("name", MODULES)
def test_nobody_imports_eventlet(name):
    assert not [full for full in imports(name) if within(full, "eventlet")]


def test_no_cycles():
    """Between modules, not only between rooms."""
    graph = {name: set(own(name)) - {"", name} for name in MODULES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name in done:
            return
        for other in sorted(graph[name]):
            # "from package import module" inside the package's own room
            # goes to the module, see own().
            visit(other, (*path, name))
        done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(
    "name", [name for name in MODULES if room(name) in PURE]
)
def test_deciders_take_values(name):
    bad = [
        full
        for full in imports(name)
        if any(within(full, each) for each in IMPURE)
    ]
    assert not bad
    words = {
        node.id
        for node in ast.walk(ast.parse(MODULES[name].read_text()))
        if isinstance(node, ast.Name)
    }
    assert not words & {"CONF", "open", "print", "input"}


def test_no_drawer_for_everything():
    for name in MODULES:
        assert name.split(".")[-1] not in ("utils", "util", "helpers", "misc")


@pytest.mark.parametrize(
    "path", [p for p in MODULES.values() if p.name == "__init__.py"], ids=str
)
def test_an_init_only_collects(path):
    """Functions yes where they are the room's face, classes no."""
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    assert not [n for n in tree.body if isinstance(n, ast.ClassDef)]


def test_every_module_says_what_it_is():
    for name, path in MODULES.items():
        assert ast.get_docstring(ast.parse(path.read_text())), name
