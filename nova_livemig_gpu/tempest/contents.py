"""What is in a server's vGPU, marked and looked at by a command.

A guest tells by its console where it can. Where it cannot, such as a test
device whose contents only its host can see, the cloud's operator has a
command that can.
"""

import shlex
import subprocess
from typing import Literal

Word = Literal["mark", "check"]
_LONGEST = 2000


def ask(
    command: str, word: Word, server_id: str, timeout_s: float
) -> str | None:
    """Run the command with two more words; return what is wrong, or None.

    It is right where the exit code is 0. With ``vgpu-data --cloud x`` and
    ``mark`` it runs ``vgpu-data --cloud x mark SERVER``.

    :raises ValueError: it is empty, or a quote in it is not closed
    :raises OSError: it cannot be run
    :raises subprocess.TimeoutExpired: it has not ended in time
    """
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise ValueError(f"{command!r} is no command: {exc}") from exc
    if not words:
        raise ValueError(f"{command!r} is no command: it is empty")
    argv = [*words, word, server_id]
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout_s,
    )
    if done.returncode == 0:
        return None
    # decoded here: eventlet's subprocess does not know ``errors``
    told = done.stdout.decode(errors="replace")
    said = told.strip()[-_LONGEST:] or "it said nothing"
    return f"{shlex.join(argv)}: exit code {done.returncode}: {said}"
