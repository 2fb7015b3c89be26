"""On a Nova that we do not know, everything is plain Nova."""

from types import SimpleNamespace

from nova_livemig_gpu.virt import hostchecks, service, steering


def test_nothing_is_steered_and_nothing_refused(monkeypatch, caplog):
    monkeypatch.setattr(
        service.nova_version, "version_string", lambda: "99.0.0"
    )
    assert service.find_release() is None
    assert "99.0.0" in caplog.text
    assert "left to Nova" in caplog.text
    own = object.__new__(steering.Steering)
    own.release = None
    gone = []
    place = SimpleNamespace(depart=lambda: gone.append(True))
    assert own.begin(None, None, "dest", None, place) is None
    assert gone, "an abort of it is Nova's"
    checks = hostchecks.HostChecks(SimpleNamespace(release=None), dict)
    checks.check_host(None, None)
    checks.check_vgpus(None, None)
