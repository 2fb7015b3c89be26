"""Where what is left to be sent lies: the regions that a guest writes.

Each region, of W bytes, has one writer (``Writer.regions``). In the first pass
what is left, R, lies evenly in all memory; later all of R lies in the regions,
in each what it had of R at the last collection. Where D distinct bytes were
written in a region since then, and R_w of R lie in it,

    fresh = D - R_w * D / W

are added to R: pages that were still to be sent are not counted twice. A
region whose writer rests drains with the passes.

Example: all 64 MiB of one region are left, and 32 MiB of it were written:
nothing is added. 16 MiB are left: 24 MiB are.
"""

from nova_livemig_gpu.planning.guestwrites import Writer


class Regions:
    """Those of one guest."""

    def __init__(self, writer: Writer) -> None:
        self._writers = writer.regions
        self._shares = [1.0] * len(self._writers)

    def collect(
        self,
        left_bytes: float,
        whole_bytes: int | None,
        ages_s: tuple[float, float],
        work_share: float,
    ) -> float:
        """Return what is added to what is left.

        :param whole_bytes: all memory, where this is the first pass
        :param ages_s: of the guest, from the last collection until now
        :param work_share: of its full rate, what the guest reaches
        """
        waiting, fresh = [], []
        for writer, share in zip(self._writers, self._shares, strict=True):
            dirtied = writer.distinct_bytes(*ages_s, work_share)
            reach = writer.reach_bytes(ages_s[1])
            if whole_bytes is None:
                unsent = min(left_bytes * share, reach)
            else:
                unsent = reach * left_bytes / whole_bytes
            both = unsent * dirtied / reach if reach else 0.0
            fresh.append(max(dirtied - both, 0.0))
            waiting.append(unsent + fresh[-1])
        total = sum(waiting)
        if total:
            self._shares = [each / total for each in waiting]
        return sum(fresh)
