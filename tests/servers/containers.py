"""RabbitMQ in a container, where a Docker engine answers and already has the image: nothing is pulled."""

import os
import secrets
import time

import docker  # type: ignore[import-untyped]  # ships no types
from docker.errors import DockerException  # type: ignore[import-untyped]  # as above
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from servers.rabbitmq import Broker, BrokerError
from servers.reaper import Reaper

RABBITMQ_IMAGE = os.environ.get("TIERDESK_TEST_RABBITMQ_IMAGE", "rabbitmq:4.3-management")


def has_image(name: str = RABBITMQ_IMAGE) -> bool:
    """Tells whether a Docker engine answers and has the image."""
    try:
        client = docker.from_env(timeout=5)
    except DockerException:
        return False
    try:
        client.images.get(name)
    except DockerException:
        return False
    else:
        return True
    finally:
        client.close()


class RabbitContainer:
    """One RabbitMQ with the management plugin in a container of our own."""

    def __init__(self, reaper: Reaper) -> None:
        testcontainers_config.ryuk_disabled = True  # our reaper does its work, without another image
        password = secrets.token_urlsafe(12)
        self._container = DockerContainer(RABBITMQ_IMAGE).with_exposed_ports(5672, 15672)
        self._container.with_envs(RABBITMQ_DEFAULT_USER="tierdesk", RABBITMQ_DEFAULT_PASS=password).start()
        reaper.watch_container(self._container.get_container_id())
        host = self._container.get_container_host_ip()
        amqp_port, management_port = (self._container.get_exposed_port(port) for port in (5672, 15672))
        self.broker = Broker(
            f"a container of {RABBITMQ_IMAGE}",
            f"amqp://tierdesk:{password}@{host}:{amqp_port}",
            f"http://tierdesk:{password}@{host}:{management_port}",
        )

    def wait_until_ready(self, *, timeout_seconds: float = 90.0) -> None:
        """Returns when the broker answers. Raises BrokerError with what the container said."""
        deadline = time.monotonic() + timeout_seconds
        while not self.broker.answers():
            if time.monotonic() > deadline:
                told = "".join(part.decode(errors="replace")[-2000:] for part in self._container.get_logs())
                raise BrokerError(f"RabbitMQ in the container of {RABBITMQ_IMAGE} does not answer:\n{told}")
            time.sleep(0.5)

    def close(self) -> None:
        """Removes the container and its volumes."""
        self.broker.close()
        self._container.stop()
