"""What the two filters have in common.

nova.filters.BaseFilter.filter_all gets all hosts of a request at once, so
that the server is looked up once, equal hosts are judged once, and one line
tells of all refusals.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import compress
from typing import Any

from nova import exception
from nova.scheduler import filters
from oslo_log import log as logging

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.fallback import attempt
from nova_livemig_gpu.scheduler import refusals
from nova_livemig_gpu.scheduler import request as requests
from nova_livemig_gpu.scheduler.needs import ServerNeeds
from nova_livemig_gpu.scheduler.once import once
from nova_livemig_gpu.scheduler.request import Request
from nova_livemig_gpu.scheduler.table import Table
from nova_livemig_gpu.scheduler.verdict import (
    LAST_RESORT,
    Treatment,
    Verdict,
    treat,
)

LOG = logging.getLogger(__name__)

#: The facts of hosts -> the verdict on each. Of all at once: a call for each
#: of 10,000 hosts takes longer than what it would do.
Judge = Callable[[Table], list[Verdict]]

#: Code -> (host, verdict) of each host that it is said of.
_Found = dict[str, list[tuple[str, Verdict]]]


class FactsFilter(filters.BaseHostFilter):  # type: ignore[misc]
    """Passes everything but the hosts for a live migration that its judge
    refuses. A fault of ours is as good as knowing nothing."""

    def judge(self, needs: ServerNeeds, rules: Rules) -> Judge:
        """Return what judges the hosts of one request."""
        raise NotImplementedError

    def host_passes(self, host_state: Any, spec_obj: Any) -> bool:
        """Judge one host; Nova itself calls ``filter_all``."""
        return bool(self._passing([host_state], spec_obj)[0])

    def filter_all(
        self, filter_obj_list: Iterable[Any], spec_obj: Any
    ) -> list[Any]:
        """Return the hosts that pass.

        :raises NoValidHost: none does; so that the API can tell why
        """
        hosts = list(filter_obj_list)
        passing, request = self._passing(hosts, spec_obj)
        if hosts and not passing and request is not None:
            reason = attempt(
                refusals.for_api, request.refused, otherwise="Hosts refused"
            )
            raise exception.NoValidHost(reason=reason)
        return passing

    def _passing(
        self, hosts: list[Any], spec: Any
    ) -> tuple[list[Any], Request | None]:
        request = None
        try:
            request = requests.find(spec)
            if request is None or request.needs is None:
                return hosts, None
            judge = self.judge(request.needs, request.rules)
            table = request.table(hosts)
            chosen = self._sift(hosts, judge(table), request)
            if chosen is None:
                return hosts, request
            passing = list(compress(hosts, chosen))
            request.keep(passing, table.only(chosen))
            return passing, request
        except Exception as exc:
            once(LOG, exc, f"{type(self).__name__} failed")
            if request is None:
                return hosts, None
            try:
                return self._unknowing(hosts, spec, request, exc), request
            except Exception as worse:
                once(LOG, worse, f"{type(self).__name__} failed twice")
                return hosts, None

    def _unknowing(
        self, hosts: list[Any], spec: Any, request: Request, why: Exception
    ) -> list[Any]:
        needs = requests.unknown_needs(spec, request.rules, why)
        judge = self.judge(needs, request.rules)
        nothing = Table.of([None] * len(hosts))
        chosen = self._sift(hosts, judge(nothing), request)
        return hosts if chosen is None else list(compress(hosts, chosen))

    def _sift(
        self, hosts: list[Any], verdicts: list[Verdict], request: Request
    ) -> list[bool] | None:
        """Return for each host whether it passes; None: all do."""
        chosen = [verdict.ok is True for verdict in verdicts]
        if all(chosen):
            return None
        doubtful: _Found = defaultdict(list)
        refused: _Found = defaultdict(list)
        treatments: dict[str, Treatment] = {}
        for at in [at for at, fine in enumerate(chosen) if not fine]:
            verdict = verdicts[at]
            treatment = treatments.get(verdict.code)
            if treatment is None:
                treatment = treat(verdict, request.rules)
                treatments[verdict.code] = treatment
            if treatment is Treatment.REFUSE:
                refused[verdict.code].append((hosts[at].host, verdict))
                continue
            chosen[at] = True
            if treatment is Treatment.TAKE_ALOUD:
                doubtful[verdict.code].append((hosts[at].host, verdict))
        if refused and not any(chosen):
            chosen = [verdict.code in LAST_RESORT for verdict in verdicts]
            for code in LAST_RESORT & refused.keys():
                doubtful[code] = refused.pop(code)
        self._tell(request, len(hosts), refused, doubtful)
        return chosen if refused else None

    def _tell(
        self,
        request: Request,
        total: int,
        refused: _Found,
        doubtful: _Found,
    ) -> None:
        name = type(self).__name__
        assert request.needs is not None
        for found, log, what in (
            (refused, LOG.info, "refuses"),
            (doubtful, LOG.warning, "has doubts but takes"),
        ):
            if found:
                log(
                    "Live migration of %s from %s: %s %s %d of %d hosts: %s",
                    request.needs.server,
                    request.needs.source,
                    name,
                    what,
                    sum(map(len, found.values())),
                    total,
                    refusals.for_log(found),
                )
        for code, hosts in refused.items():
            request.refused[code] = hosts
            if LOG.isEnabledFor(logging.DEBUG):
                for host, verdict in hosts:
                    LOG.debug("%s refuses %s", name, verdict.tell(host))
