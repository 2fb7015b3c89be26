"""A migration predicted on its source, before it starts.

What it rests on, and what stands for it where it is unknown:

memory      libvirt's "rss" of the server's QEMU, at most all its memory;
            all its memory
bandwidth   what earlier migrations between the two hosts had, divided by
            one more than leave this host now; ``bandwidth_mbps`` of the
            server if that is less; no forecast
curve       past migrations of the server and, with ``predict = measure``,
            its dirty rate now, for ``dirty_rate_seconds``; an idle guest
overhead    what is kept free of the budget
stun        framebuffer in use now by NVML; the vGPU type's; no stun, and the
            record says so

A policy that may switch to post-copy does it after the first pass or inside
it, where that is faster or pre-copy does not end (``policies.to_postcopy``):
then that is what is predicted. What past predictions were wrong by corrects
this one.

Nothing here raises. What fails is unknown, said once in the log.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import libvirt
from oslo_log import log as logging

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.history import queries
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.model import (
    Goal,
    GuestMemory,
    Mode,
    PostcopyStart,
    Prediction,
    Stun,
)
from nova_livemig_gpu.prediction import (
    calibration,
    early,
    least,
    merge,
    passes,
)
from nova_livemig_gpu.prediction import stun as stuns
from nova_livemig_gpu.prediction.asked import (
    Rule,
    Transport,
    Wanted,
    Workload,
)
from nova_livemig_gpu.prediction.forecast import forecast
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.virt import dirtyrate, inquiry
from nova_livemig_gpu.virt.foreseen import Asked, Foreseen

LOG = logging.getLogger(__name__)

_T = TypeVar("_T")
_PAGE = 4096
#: Of a normal distribution: P10 is so many sigma below the middle.
_P10 = 1.2816
#: The pause of a switch to post-copy: a guess, its state is small.
_SWITCH_MS = 50.0
_SAVING_S, _SAVING_SHARE = 0.5, 0.1


class Forecaster:
    """Predicts on one host."""

    def __init__(
        self,
        history: History | None,
        vgpus: Callable[[str], tuple[stuns.VgpuUse, ...]],
    ) -> None:
        """:param history: None: nothing is remembered

        :param vgpus: those of a server, by its UUID
        """
        self._history = history
        self._vgpus = vgpus

    def foresee(
        self, options: Options, guest: Any, connection: Any, asked: Asked
    ) -> Foreseen:
        """Predict; takes ``dirty_rate_seconds`` and little more. Never
        raises."""
        try:
            return self._foresee(options, guest._domain, connection, asked)
        except Exception as exc:
            LOG.exception(
                "No forecast for this live migration",
                instance_uuid=asked.server,
            )
            return Foreseen(why=f"{type(exc).__name__}: {exc}")

    def stun(self, options: Options, guest: Any, asked: Asked) -> Stun | None:
        """Return what the devices will cost; None: unknown, or no device.
        Never raises."""
        if options.predict == "off":
            return None
        try:
            return self._devices(guest._domain, asked).stun
        except Exception:
            LOG.exception(
                "The stun of this server is unknown",
                instance_uuid=asked.server,
            )
            return None

    def _foresee(
        self, options: Options, domain: Any, connection: Any, asked: Asked
    ) -> Foreseen:
        if options.predict == "off":
            return Foreseen(why="predict is off")
        found = self._devices(domain, asked)
        memory = _memory(domain, asked.memory_mb * 2**20)
        transport = self._transport(asked)
        seen, measured_s = self._seen(
            options, domain, connection, asked, memory, transport
        )
        curve = merge.merge(seen, max(memory.normal_bytes, _PAGE))
        found = replace(
            found,
            memory=memory,
            curve=curve,
            seen=seen,
            measured_s=measured_s,
        )
        if found.why is not None:
            return found
        if transport is None:
            return replace(
                found,
                why="no migration between these hosts is known, nor "
                "bandwidth_mbps set",
            )
        given = _given(
            Workload(memory, curve, stun=found.stun), transport, asked
        )
        return replace(found, prediction=self._corrected(given))

    def _devices(self, domain: Any, asked: Asked) -> Foreseen:
        if not asked.around.vfio:
            return Foreseen()
        vgpus = self._vgpus(asked.server)
        if inquiry.vfio_devices(domain.XMLDesc(0)) > len(vgpus):
            return Foreseen(
                vgpus=vgpus, why="of a VFIO device of it nothing is known"
            )
        stun = self.stun_of(vgpus)
        why = None if stun else "the framebuffer of a vGPU is unknown"
        return Foreseen(stun=stun, vgpus=vgpus, why=why)

    def stun_of(self, vgpus: Sequence[stuns.VgpuUse]) -> Stun | None:
        """Return the stun of all these vGPUs; None: unknown."""
        keys = [vgpu.key for vgpu in vgpus]
        past = queries.stuns(self._history, keys) if self._history else ()
        return stuns.stun(tuple(vgpus), past)

    def _transport(self, asked: Asked) -> Transport | None:
        known = None
        if self._history is not None:
            known = queries.bandwidth_bps(
                self._history, asked.source, asked.destination, time.time()
            )
        limits = []
        if known is not None:
            limits.append(known.value / (asked.running + 1))
        if asked.budget.bandwidth_mbps is not None:
            limits.append(asked.budget.bandwidth_mbps * 1e6 / 8)
        if not limits:
            return None
        rate = min(limits)
        low = None
        if known is not None and known.sigma is not None:
            share = 1 - _P10 * known.sigma / known.value
            low = rate * max(share, 0.1)
        return Transport(
            bandwidth_bps=rate,
            overhead_ms=asked.around.overhead_ms,
            switch_ms=_SWITCH_MS,
            bandwidth_low_bps=low,
        )

    def _seen(
        self,
        options: Options,
        domain: Any,
        connection: Any,
        asked: Asked,
        memory: GuestMemory,
        transport: Transport | None,
    ) -> tuple[tuple[Observed, ...], float]:
        past: tuple[Observed, ...] = ()
        if self._history is not None:
            past = queries.curve(self._history, asked.server, time.time())
        if options.predict != "measure":
            return past, 0.0
        first_s = None
        if transport is not None:
            first_s = passes.first_bytes(memory) / transport.bandwidth_bps
        begin = time.monotonic()
        now = dirtyrate.measure(
            domain,
            _gauge(options, domain, connection),
            options.dirty_rate_seconds,
            asked.memory_mb * 2**20,
            first_s,
        )
        return past + now, time.monotonic() - begin

    def _corrected(self, given: Prediction) -> Prediction:
        errors = queries.errors(self._history) if self._history else ()
        return calibration.correct(given, calibration.learn(errors))


def _gauge(options: Options, domain: Any, connection: Any) -> dirtyrate.Gauge:
    if options.dirty_rate_gauge == "monitor":
        return dirtyrate.MonitorGauge(domain)
    return dirtyrate.LibvirtGauge(domain, connection)


def _memory(domain: Any, total_bytes: int) -> GuestMemory:
    """Pages that are not zero: those that the server has touched."""
    touched = total_bytes
    try:
        rss_kib = domain.memoryStats().get("rss")
    except (libvirt.libvirtError, AttributeError) as exc:
        LOG.debug("The resident memory of the server is unknown: %s", exc)
    else:
        if isinstance(rss_kib, int) and rss_kib > 0:
            touched = rss_kib * 1024
    return inquiry.memory(total_bytes, touched)


def _given(load: Workload, transport: Transport, asked: Asked) -> Prediction:
    """Of pre-copy, or of a switch to post-copy where that will be done."""

    budget, limit_ms = asked.budget, _limit_ms(load, transport, asked)

    def as_(mode: Mode, soon: bool = False) -> Prediction:
        wanted = Wanted(limit_ms, mode, Rule.QEMU, early=soon)
        return forecast(load, transport, wanted)

    plain = as_(Mode.PRECOPY)
    if not budget.postcopy or asked.around.no_postcopy or asked.around.vfio:
        return plain
    switched = as_(Mode.HYBRID)
    start = budget.postcopy_start
    if budget.goal is Goal.FAST and start is PostcopyStart.AS_PREDICTED:
        soon = as_(Mode.HYBRID, soon=True)
        if soon.total_s is not None and early.pays(plain, soon.total_s):
            switched = soon
    if not plain.converges:
        return switched
    assert plain.total_s is not None and switched.total_s is not None
    saving_s = plain.total_s - switched.total_s
    if budget.goal is Goal.GENTLE or saving_s <= max(
        _SAVING_S, _SAVING_SHARE * switched.total_s
    ):
        return plain
    return switched


def _limit_ms(load: Workload, transport: Transport, asked: Asked) -> float:
    """The limit that the policy will set, see ``policies.least_limit``."""
    budget = asked.budget
    known = budget.policy == "adaptive" and budget.goal is Goal.FAST
    if not known or load.curve is None or asked.around.vfio:
        return asked.limit_ms
    return least.limit_ms(
        load.memory, load.curve, transport.bandwidth_bps, asked.limit_ms
    )
