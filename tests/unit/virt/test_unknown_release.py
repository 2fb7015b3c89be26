"""On a Nova that we do not know, everything is plain Nova."""

from nova_livemig_gpu.virt import steering


def test_nothing_is_steered_and_nothing_refused(monkeypatch, caplog):
    monkeypatch.setattr(
        steering.nova_version, "version_string", lambda: "99.0.0"
    )
    assert steering._release() is None
    assert "99.0.0" in caplog.text
    assert "left to Nova" in caplog.text
    own = object.__new__(steering.Steering)
    own.release = None
    assert own.begin(None, None, "dest", None) is None
    own.check_host(None, None)
    own.check_vgpus(None, None)
