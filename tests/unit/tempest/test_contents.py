"""A command that knows what is in a vGPU."""

import shlex
import sys

import pytest

from nova_livemig_gpu.tempest import contents


def python(code):
    """A command of several words, one with spaces."""
    return shlex.join([sys.executable, "-c", code])


def test_words_are_added():
    wanted = "import sys; sys.exit(sys.argv[1:] != ['mark', 's-1'])"
    assert contents.ask(python(wanted), "mark", "s-1", 60) is None


def test_what_is_wrong_is_told():
    said = contents.ask(
        python("import sys; print('block 7'); sys.exit(3)"), "check", "s", 60
    )
    assert said is not None
    assert said.endswith("check s: exit code 3: block 7")


def test_errors_are_told_too():
    said = contents.ask(python("raise SystemExit('gone')"), "check", "s", 60)
    assert said is not None and said.endswith("exit code 1: gone")


def test_silence_is_told():
    said = contents.ask(python("raise SystemExit(1)"), "check", "s", 60)
    assert said is not None and said.endswith("it said nothing")


def test_much_is_cut_and_need_not_be_text():
    code = (
        "import sys; sys.stdout.buffer.write(b'\\xff' * 9000); "
        "print('the end'); sys.exit(1)"
    )
    said = contents.ask(python(code), "check", "s", 60)
    assert said is not None
    assert said.endswith("the end") and len(said) < 3000


def test_one_that_does_not_end():
    with pytest.raises(Exception) as seen:
        contents.ask(python("import time; time.sleep(60)"), "mark", "s", 0.2)
    # of subprocess, or of eventlet's, whichever Nova's release has loaded
    assert type(seen.value).__name__ == "TimeoutExpired"


def test_one_that_is_not_there():
    with pytest.raises(FileNotFoundError):
        contents.ask("/nowhere/vgpu-data", "mark", "s", 5)


@pytest.mark.parametrize("command", ["  ", "vgpu-data 'one"])
def test_no_command(command):
    with pytest.raises(ValueError, match="is no command"):
        contents.ask(command, "mark", "s", 5)
