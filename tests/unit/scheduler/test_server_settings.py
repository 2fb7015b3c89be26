"""The budget of a server, where the scheduler finds it."""

from types import SimpleNamespace
from typing import Any

import pytest
from nova import exception, objects

from nova_livemig_gpu.scheduler import server_settings
from nova_livemig_gpu.scheduler.server_settings import resolve

objects.register_all()

KEY = "livemig_gpu:max_downtime_ms"
IMAGE_KEY = "image_livemig_gpu_max_downtime_ms"


def max_downtime_ms(server: Any, default: int, by_image: bool) -> int:
    names = ["goal", "max_downtime_ms"] if by_image else []
    found = resolve(server, {"max_downtime_ms": default}, names)
    assert found.keys() == {"max_downtime_ms"}
    return int(found["max_downtime_ms"])


def a_server(copy: dict[str, str], image: dict[str, str]) -> Any:
    flavor = {"extra_specs": copy}
    return SimpleNamespace(
        _context=SimpleNamespace(elevated=lambda: "elevated"),
        flavor=_Flavor(flavor),
        system_metadata=image,
    )


class _Flavor(dict[str, Any]):
    flavorid = "1"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The flavor's extra specs as they are now."""
    specs: dict[str, str] = {}

    def get(context: str, flavorid: str) -> Any:
        assert (context, flavorid) == ("elevated", "1")
        return _Flavor({"extra_specs": specs})

    monkeypatch.setattr(
        server_settings.objects.Flavor, "get_by_flavor_id", get
    )
    return specs


def test_nobody_says_anything(now: dict[str, str]) -> None:
    assert max_downtime_ms(a_server({}, {}), 500, True) == 500


def test_several_settings(now: dict[str, str]) -> None:
    now.update({KEY: "100", "livemig_gpu:over_budget": "warn"})
    wanted = {"max_downtime_ms": 500, "over_budget": "refuse", "goal": "fast"}
    assert resolve(a_server({}, {}), wanted, ()) == {
        "max_downtime_ms": 100,
        "over_budget": "warn",
        "goal": "fast",
    }


def test_the_flavor_of_today_counts(now: dict[str, str]) -> None:
    now[KEY] = "100"
    server = a_server({KEY: "900"}, {IMAGE_KEY: "300"})
    assert max_downtime_ms(server, 500, True) == 100


def test_images_only_where_they_may(now: dict[str, str]) -> None:
    server = a_server({}, {IMAGE_KEY: "300"})
    assert max_downtime_ms(server, 500, True) == 300
    assert max_downtime_ms(server, 500, False) == 500


@pytest.mark.parametrize("text", ["fast", "9", "-1", "1e3", ""])
def test_nonsense_is_skipped_aloud(
    now: dict[str, str], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    now[KEY] = text
    server = a_server({}, {IMAGE_KEY: "300"})
    assert max_downtime_ms(server, 500, True) == 300
    assert KEY in caplog.text


def test_a_flavor_that_has_gone_leaves_its_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(context: str, flavorid: str) -> Any:
        raise exception.FlavorNotFound(flavor_id=flavorid)

    monkeypatch.setattr(
        server_settings.objects.Flavor, "get_by_flavor_id", gone
    )
    assert max_downtime_ms(a_server({KEY: "900"}, {}), 500, True) == 900
