# SPDX-License-Identifier: Apache-2.0
"""All trials, in the order in which they run."""

from livelab.checks import (
    abort,
    cost,
    extra_specs,
    faults,
    gpu_exact,
    gpu_filters,
    gpu_stun,
    kills,
    mixed,
    modes,
    options,
    quiesced,
    races,
    refused,
    settings,
    sights,
    uninstall,
    unreachable,
    versions,
)
from livelab.checks.trial import Trial

TRIALS: tuple[Trial, ...] = (
    abort.TRIAL,
    refused.TRIAL,
    *kills.TRIALS,
    *quiesced.TRIALS,
    *unreachable.TRIALS,
    *races.TRIALS,
    *modes.TRIALS,
    *settings.TRIALS,
    extra_specs.TRIAL,
    *options.TRIALS,
    *faults.TRIALS,
    *sights.TRIALS,
    *cost.TRIALS,
    *gpu_filters.TRIALS,
    *gpu_exact.TRIALS,
    *gpu_stun.TRIALS,
    *mixed.TRIALS,
    *versions.TRIALS,
    uninstall.TRIAL,
)
