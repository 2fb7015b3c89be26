"""Runs a test's code where pynvml finds the stand-in. Started by ``host``.

The library is chosen when a process starts, and counts its calls as long as
it runs. So this process has imported everything and opened nothing; for
each request it makes a copy of itself, which does the work.

Requests and answers are pickled: (environment, code), where the code sets
``result``; (result or None, warnings, traceback or None).
"""

import logging
import os
import pickle
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nova_livemig_gpu.gpu.nvml import NvmlBackend
from nova_livemig_gpu.gpu.sysfs import SysfsBackend


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _work(environment: Mapping[str, str], code: str) -> bytes:
    os.environ.update(environment)
    heard = _Warnings()
    logging.getLogger().addHandler(heard)
    kernel = SysfsBackend(Path(environment["STAND_IN_SYSFS"]))
    names: dict[str, Any] = {"backend": NvmlBackend(kernel), "result": None}
    try:
        exec(compile(code, "test code", "exec"), names)
    except Exception:
        return pickle.dumps((None, heard.messages, traceback.format_exc()))
    return pickle.dumps((names["result"], heard.messages, None))


def _in_a_copy(environment: Mapping[str, str], code: str) -> bytes:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with os.fdopen(write, "wb") as answer:
            answer.write(_work(environment, code))
        os._exit(0)  # without waiting for a hung call
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return told or pickle.dumps((None, [], "the process died"))


def main() -> None:
    while True:
        try:
            environment, code = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        sys.stdout.buffer.write(_in_a_copy(environment, code))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
