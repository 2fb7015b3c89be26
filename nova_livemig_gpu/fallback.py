"""Where a step of ours fails inside a method of Nova's, Nova's goes on.

Everything that ``virt.driver`` adds to a method of Nova's driver, and what
else Nova calls of this package, is carried out by one of these two. A fault
of ours is an ERROR with its traceback in the log, and no more: Nova's own
method runs once, with the arguments that it was called with, and what it
returns or raises is passed on.

Only an ``Exception`` is a fault. eventlet's ``Timeout`` and greenlet's
``GreenletExit`` are none: they are for whoever called Nova.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: What a step raises to be heard, such as a refusal.
Meant = tuple[type[Exception], ...]


def attempt(
    step: Callable[..., T],
    *args: Any,
    instance: Any = None,
    otherwise: Any = None,
    meant: Meant = (),
) -> T:
    """Return what a step of ours returns; ``otherwise`` where it fails.

    :param instance: for the log
    :raises Exception: one of ``meant``
    """
    try:
        return step(*args)
    except meant:
        raise
    except Exception:
        _tell(instance)
        result: T = otherwise
        return result


@contextmanager
def attempting(
    enter: Callable[..., AbstractContextManager[T]],
    *args: Any,
    instance: Any = None,
    meant: Meant = (),
) -> Iterator[T | None]:
    """Run a block inside a context of ours; in none where that fails.

    What the block raises goes through the context, which may turn it into
    something else or end it.

    :raises Exception: one of ``meant``, or what the context makes of what
        the block has raised
    """
    context: AbstractContextManager[T] | None = None
    value: T | None = None
    try:
        context = enter(*args)
        value = context.__enter__()
    except meant:
        raise
    except Exception:
        context = None
        _tell(instance)
    try:
        yield value
    except BaseException as exc:
        if context is None or not _ended(context, exc, instance, meant):
            raise
    else:
        if context is not None:
            attempt(context.__exit__, None, None, None, instance=instance)


def _ended(
    context: AbstractContextManager[Any],
    error: BaseException,
    instance: Any,
    meant: Meant,
) -> bool:
    """Leave a context with an error; True: the error ends there."""
    try:
        return bool(context.__exit__(type(error), error, error.__traceback__))
    except meant:
        raise
    except Exception as exc:
        if exc is not error:
            _tell(instance)
        return False


def _tell(instance: Any) -> None:
    LOG.exception(
        "A step of nova-livemig-gpu has failed; Nova goes on without it.",
        instance=instance,
    )
