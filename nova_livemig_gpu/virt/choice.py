"""Which policy steers a server."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu import exception
from nova_livemig_gpu.model import Budget, Surroundings
from nova_livemig_gpu.policies import loader, staircase
from nova_livemig_gpu.policies.base import Policy

LOG = logging.getLogger(__name__)

_NOVA = "nova"
#: Policies that keep no budget.
AS_NOVA = (_NOVA, staircase.NAME)


def check(name: str) -> None:
    """:raises InvalidOption: there is no such policy"""
    try:
        loader.find(name)
    except exception.PolicyNotFound as exc:
        raise exception.InvalidOption(
            option="policy", value=name, right=str(exc)
        ) from exc


def choose(
    wanted: Budget, others: Iterable[str], around: Surroundings, instance: Any
) -> Policy:
    """Return the policy of one server.

    :param others: what to take, in order, where there is no such policy
    :raises PolicyNotFound: none of them can be had
    """
    if around.vfio and wanted.policy == _NOVA:
        # Nova would ask for post-copy where nova.conf permits it, which
        # QEMU refuses with a VFIO device: Nova's schedule in our loop.
        return staircase.StaircasePolicy(
            replace(wanted, policy=staircase.NAME), around
        )
    for name in (wanted.policy, *others):
        try:
            return loader.find(name)(replace(wanted, policy=name), around)
        except exception.PolicyNotFound as exc:
            LOG.warning("%s. Taking the next best.", exc, instance=instance)
    raise exception.PolicyNotFound(name=wanted.policy, installed="none")
