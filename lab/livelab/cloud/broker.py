# SPDX-License-Identifier: Apache-2.0
"""Ask RabbitMQ who listens: a service that consumes its queue is ready."""

import amqp  # type: ignore[import-untyped]

from livelab.cloud import inside
from livelab.cloud.site import PORTS, Site


def consumers(site: Site, queue: str) -> int:
    """How many listen on a queue; 0 when there is no such queue."""
    return inside.call(site.controller, lambda: _consumers(site, queue))


def _consumers(site: Site, queue: str) -> int:
    try:
        with amqp.Connection(
            host=f"{site.controller.ip}:{PORTS['rabbitmq']}",
            userid="lab",
            password=site.password,
            connect_timeout=5,
        ) as connection:
            channel = connection.channel()
            declared = channel.queue_declare(queue, passive=True)
            return int(declared.consumer_count)
    except amqp.exceptions.NotFound:
        return 0
    except amqp.exceptions.AMQPError as error:
        raise OSError(str(error)) from error
