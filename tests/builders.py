"""Values for tests: everything has a default that makes sense."""

from dataclasses import replace
from typing import Any

from oslo_config import cfg

from nova_livemig_gpu import conf
from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.migration.budget import NovaDefaults
from nova_livemig_gpu.model import (
    Budget,
    Goal,
    JobState,
    OnTimeout,
    Pass,
    Sample,
)
from nova_livemig_gpu.policies.progress import Progress

MIB = 2**20
GIB = 2**30


def options(**changes: Any) -> Options:
    """The options as they are without a configuration file."""
    config = cfg.ConfigOpts()
    config.register_opt(cfg.StrOpt("state_path", default="/nowhere"))
    conf.register_opts(config)
    config([], default_config_files=[], default_config_dirs=[])
    return replace(conf.load(config), **changes)


def nova_defaults(**changes: Any) -> NovaDefaults:
    """``[libvirt]`` without a configuration file, 2 GiB of memory."""
    return replace(
        NovaDefaults(
            timeout_s=1600,
            on_timeout=OnTimeout.ABORT,
            postcopy=False,
            auto_converge=False,
            bandwidth_mib_s=0,
        ),
        **changes,
    )


def budget(**changes: Any) -> Budget:
    """300 ms, no timeout, no post-copy."""
    return replace(
        Budget(
            policy="adaptive",
            max_downtime_ms=300,
            timeout_s=None,
            on_timeout=OnTimeout.ABORT,
            postcopy=False,
            auto_converge=False,
            bandwidth_mbps=None,
            goal=Goal.FAST,
        ),
        **changes,
    )


def sample(
    t_s: float,
    iteration: int | None = 1,
    sent_mib: float = 0,
    left_mib: float | None = 0,
    **changes: Any,
) -> Sample:
    """A look at a running migration of a 1 GiB server."""
    return replace(
        Sample(
            t_s,
            JobState.RUNNING,
            iteration=iteration,
            total_bytes=GIB,
            processed_bytes=int(sent_mib * MIB),
            remaining_bytes=None if left_mib is None else int(left_mib * MIB),
        ),
        **changes,
    )


def finished_pass(
    number: int, start_s: float, end_s: float, dirtied_mib: float
) -> Pass:
    """A pass that sent at 50 MiB/s."""
    sent = int((end_s - start_s) * 50 * MIB)
    return Pass(number, start_s, end_s, sent, int(dirtied_mib * MIB))


def at_pass_end(
    dirtied_mib: list[float], t_s: float = 60, **changes: Any
) -> Progress:
    """Progress at the end of a pass, at 50 MiB/s.

    :param dirtied_mib: what each pass so far has left, the newest last
    """
    step_s = t_s / len(dirtied_mib)
    passes = tuple(
        finished_pass(n + 1, n * step_s, (n + 1) * step_s, each)
        for n, each in enumerate(dirtied_mib)
    )
    count = len(passes) + 1
    window = (
        sample(t_s - 1, count, 1000, dirtied_mib[-1]),
        sample(t_s, count, 1050, dirtied_mib[-1]),
    )
    progress = Progress()
    for each in passes:
        progress = progress._with_best(each)
    return replace(
        progress,
        sample=window[-1],
        first=window[0],
        passes=passes,
        pass_count=len(passes),
        window=window,
        pass_ended=True,
        **changes,
    )
