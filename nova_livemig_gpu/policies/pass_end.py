"""The end of a pass, seen between two samples.

It shows as a rise of ``iteration``. Sample r1 (bytes left) at t1 is the last
of the old pass, r2 at t2 the first of the new one, and h bytes of memory were
handled between them (pages sent and zero pages, QEMU's ``normal`` and
``duplicate``). QEMU ends a pass when what is left fits into bandwidth B times
limit L, so

    share   = clamp((r1 - B * L) / h, 0, 1)
    end     = t1 + (t2 - t1) * share
    dirtied = max(0, r2 - r1 + h)

Without page counts h is what was sent, and dirtied is r2 at least.

Example: B * L is 10 MB; 20 MB left at 1.0 s, then at 1.25 s iteration + 1,
25 MB handled in between and 60 MB left: the pass ended at 1.1 s and found
65 MB dirty.
"""

from dataclasses import dataclass

from nova_livemig_gpu.model import Pass, Sample


@dataclass(frozen=True)
class Begin:
    """Where the running pass began.

    :ivar number: 1 for the first pass
    :ivar bytes: sent by then, all in all
    """

    number: int
    t_s: float
    bytes: int


def ended(
    begin: Begin, last: Sample, now: Sample, fits_bytes: float
) -> tuple[Pass, Begin]:
    """Return the pass that ended between two samples, and the next one's
    begin.

    :param fits_bytes: B * L
    """
    handled = _handled_bytes(last, now)
    left, after = last.remaining_bytes or 0, now.remaining_bytes or 0
    share = (left - fits_bytes) / handled if handled > 0 else 1.0
    share = min(max(share, 0.0), 1.0)
    end_s = last.t_s + (now.t_s - last.t_s) * share
    before = last.processed_bytes or 0
    end_bytes = round(before + ((now.processed_bytes or 0) - before) * share)
    dirtied = max(after - left + handled, 0)
    if not _has_pages(last, now):
        dirtied = max(dirtied, after)
    done = Pass(
        number=begin.number,
        start_s=begin.t_s,
        end_s=end_s,
        sent_bytes=max(end_bytes - begin.bytes, 0),
        dirtied_bytes=dirtied,
        merged=(now.iteration or 0) - (last.iteration or 0) > 1,
        unsent_bytes=max(round(left - handled * share), 0),
        throttle_percent=last.throttle_percent or 0,
    )
    return done, Begin(begin.number + 1, end_s, end_bytes)


def _has_pages(*samples: Sample) -> bool:
    return all(
        s.normal_pages is not None
        and s.zero_pages is not None
        and s.page_size_bytes is not None
        for s in samples
    )


def _handled_bytes(last: Sample, now: Sample) -> int:
    if not _has_pages(last, now):
        return (now.processed_bytes or 0) - (last.processed_bytes or 0)
    pages = (now.normal_pages or 0) + (now.zero_pages or 0)
    pages -= (last.normal_pages or 0) + (last.zero_pages or 0)
    return pages * (now.page_size_bytes or 0)
