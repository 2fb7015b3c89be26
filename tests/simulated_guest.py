"""A running server as libvirt shows it, on a fake clock."""

import libvirt


class Domain:
    """Writes so many MiB/s, up to so much memory."""

    xml = "<domain><devices/></domain>"

    def __init__(self, clock, rate=24.0, most=64.0, job=0):
        self.clock, self.rate, self.most, self.job = clock, rate, most, job
        self.periods, self.answer = [], None
        self.silent, self.refuse_after = False, 99
        self.rss_kib = None
        self.busy = None

    def UUIDString(self):
        return "3f8a"

    def memoryStats(self):
        if self.rss_kib is None:
            raise libvirt.libvirtError("no statistics")
        return {"rss": self.rss_kib}

    def vcpus(self):
        if self.busy is None:
            raise libvirt.libvirtError("cannot retrieve vcpu information")
        ran_ns = [round(self.clock.now() * each * 1e9) for each in self.busy]
        return [(n, 1, ran, 0) for n, ran in enumerate(ran_ns)], []

    def XMLDesc(self, flags):
        return self.xml

    def jobInfo(self):
        return [self.job]

    def startDirtyRateCalc(self, seconds, flags):
        assert isinstance(seconds, int) and 1 <= seconds <= 60
        if len(self.periods) >= self.refuse_after:
            raise libvirt.libvirtError("this QEMU cannot")
        self.periods.append(seconds)
        self.ready_s = self.clock.now() + seconds
        self.answer = int(min(self.rate * seconds, self.most) / seconds)


class Connection:
    def __init__(self, domain):
        self.domain = domain

    def domainListGetStats(self, domains, which, flags):
        assert which == libvirt.VIR_DOMAIN_STATS_DIRTYRATE
        domain = self.domain
        if domain.silent or domain.clock.now() < domain.ready_s:
            return [(domain, {"dirtyrate.calc_status": 1})]
        return [
            (
                domain,
                {
                    "dirtyrate.calc_status": 2,
                    "dirtyrate.megabytes_per_second": domain.answer,
                },
            )
        ]
