# SPDX-License-Identifier: Apache-2.0
"""Ask RabbitMQ who listens: a service that consumes its queue is ready."""

from collections.abc import Iterator
from contextlib import contextmanager

import amqp  # type: ignore[import-untyped]

from livelab.cloud import inside
from livelab.cloud.site import PORTS, Site


def answers(site: Site) -> bool:
    """Whether RabbitMQ lets us in; raises OSError while it starts."""

    def try_it() -> bool:
        with _connect(site):
            return True

    return inside.call(site.controller, try_it)


def consumers(site: Site, queue: str) -> int:
    """How many listen on a queue; 0 when there is no such queue."""
    return inside.call(site.controller, lambda: _consumers(site, queue))


def _consumers(site: Site, queue: str) -> int:
    with _connect(site) as connection:
        try:
            declared = connection.channel().queue_declare(queue, passive=True)
        except amqp.exceptions.NotFound:
            return 0
        return int(declared.consumer_count)


@contextmanager
def _connect(site: Site) -> Iterator[amqp.Connection]:
    try:
        with amqp.Connection(
            host=f"{site.controller.ip}:{PORTS['rabbitmq']}",
            userid="lab",
            password=site.password,
            connect_timeout=5,
        ) as connection:
            yield connection
    except amqp.exceptions.AMQPError as error:
        raise OSError(str(error)) from error
