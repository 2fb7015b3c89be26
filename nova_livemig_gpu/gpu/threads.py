"""Starts a thread of the operating system, whatever was monkey-patched.

Under eventlet (Nova 31 to 33) ``threading.Thread`` and ``_thread`` make
green threads, which all stand still while one of them is inside a C call.
``_thread`` is built in and made with multi-phase initialisation (PEP 489),
so that a second copy of it can be made: one that nobody has patched.
"""

import _thread
import importlib.util
import types
from collections.abc import Callable
from functools import cache

Starter = Callable[[Callable[[], None]], object]


@cache
def _starter() -> Callable[..., int]:
    now = _thread.start_new_thread
    if isinstance(now, types.BuiltinFunctionType):
        return now
    spec = importlib.util.find_spec("_thread")
    if spec is None or spec.loader is None:  # no such Python is known
        return now
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    start: Callable[..., int] = fresh.start_new_thread
    return start


def start(target: Callable[[], None]) -> None:
    """Run ``target`` in a thread that does not keep the process alive."""
    _starter()(target, ())
