# SPDX-License-Identifier: Apache-2.0
"""stub"""


def line(row):
    did = row["did"]
    total = (
        f"{did['total_ms'] / 1e3:.1f} s"
        if did["total_ms"]
        else f"{did['elapsed_s']:.0f} s"
    )
    return f"{row['key']:44} {row['outcome']:10} {total:>8} down {did['downtime_ms']} pause {did['pause_ms']} gap {row['gap_ms']} (calm {row['calm_gap_ms']}) stopped {row['stopped_ms']} passes {did['passes']} thr {row['throttle_percent']} work {row['work_mib_s']}/{row['calm_work_mib_s']} mem {row['memory_ok']} whole {row['whole_s']} {row['codes'][-2:]}"


def write(*a):
    pass
