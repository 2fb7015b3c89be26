"""Our traits leave Placement; nobody else's do."""

import json
from types import SimpleNamespace

import pytest
from keystoneauth1 import exceptions

from nova_livemig_gpu.cmd import forget, main, placement
from nova_livemig_gpu.cmd.failure import Failure, WrongInput

OURS = "CUSTOM_LIVEMIG_DRIVER_570"
ALSO_OURS = "CUSTOM_LIVEMIG_VGPU_MIGRATABLE"
THEIRS = "CUSTOM_RACK_7"


class Adapter:
    """Placement's API over a dict of providers; 1.18 is asked for."""

    def __init__(self, **providers):
        self.providers = {
            name: {"traits": set(traits), "generation": 1}
            for name, traits in providers.items()
        }
        self.known = {OURS, ALSO_OURS, THEIRS, "HW_CPU_X86_AVX"}
        self.conflicts = 0
        self.after_put = None

    def request(self, path, method, json=None, headers=None, raise_exc=True):
        assert headers == {"OpenStack-API-Version": "placement 1.18"}
        assert raise_exc is False
        where, _, query = path.partition("?")
        words = where.strip("/").split("/")
        name = f"{method.lower()}_{words[0]}"
        return getattr(self, name)(words[1:], query, json)

    def get_traits(self, words, query, body):
        prefix = query.removeprefix("name=startswith:")
        return answer(
            {"traits": [t for t in self.known if t.startswith(prefix)]}
        )

    def delete_traits(self, words, query, body):
        used = any(words[0] in p["traits"] for p in self.providers.values())
        if used:
            return answer({}, 409)
        self.known.remove(words[0])
        return answer(None, 204)

    def get_resource_providers(self, words, query, body):
        if not words:
            trait = query.removeprefix("required=")
            found = [
                n for n, p in self.providers.items() if trait in p["traits"]
            ]
            return answer({"resource_providers": [{"uuid": n} for n in found]})
        one = self.providers[words[0]]
        if words[1:]:
            return answer(
                {
                    "traits": sorted(one["traits"]),
                    "resource_provider_generation": one["generation"],
                }
            )
        return answer({"uuid": words[0], "name": words[0] + ".example"})

    def put_resource_providers(self, words, query, body):
        one = self.providers[words[0]]
        if self.conflicts:
            self.conflicts -= 1
            one["generation"] += 1
        if body["resource_provider_generation"] != one["generation"]:
            return answer({}, 409)
        one["traits"] = set(body["traits"])
        one["generation"] += 1
        if self.after_put:
            self.after_put()
        return answer({})


def answer(body, status=200):
    text = "" if body is None else json.dumps(body)
    return SimpleNamespace(
        status_code=status, text=text, json=lambda: json.loads(text)
    )


def run(adapter, host=None):
    forget.forget(placement.Placement(adapter), host)


def test_all(capsys):
    adapter = Adapter(
        one=[OURS, THEIRS], two=[OURS, ALSO_OURS], three=["HW_CPU_X86_AVX"]
    )
    run(adapter)
    assert adapter.providers["one"]["traits"] == {THEIRS}
    assert adapter.providers["two"]["traits"] == set()
    assert adapter.providers["three"] == {
        "traits": {"HW_CPU_X86_AVX"},
        "generation": 1,
    }
    assert adapter.known == {THEIRS, "HW_CPU_X86_AVX"}
    said = capsys.readouterr().out
    assert f"two.example: {OURS}, {ALSO_OURS}" in said
    assert "2 traits deleted, 2 hosts had some" in said


def test_again(capsys):
    adapter = Adapter(one=[THEIRS])
    run(adapter)
    run(adapter)
    assert "0 traits deleted, 0 hosts had some" in capsys.readouterr().out


def test_one_host():
    """Mixed: the others go on."""
    adapter = Adapter(one=[OURS, THEIRS], two=[OURS])
    run(adapter, "one.example")
    assert adapter.providers["one"]["traits"] == {THEIRS}
    assert adapter.providers["two"]["traits"] == {OURS}
    assert OURS in adapter.known


def test_a_host_without():
    with pytest.raises(WrongInput, match="three has no traits CUSTOM_LIV"):
        run(Adapter(one=[OURS]), "three")


def test_others_write_as_well():
    adapter = Adapter(one=[OURS, THEIRS])
    adapter.conflicts = 2
    run(adapter)
    assert adapter.providers["one"]["traits"] == {THEIRS}


def test_others_do_not_stop():
    adapter = Adapter(one=[OURS])
    adapter.conflicts = 99
    with pytest.raises(Failure, match=r"one\.example was changed by others"):
        run(adapter)


def test_a_host_that_still_runs_the_driver():
    adapter = Adapter(one=[OURS])

    def update():
        adapter.providers["one"]["traits"].add(OURS)

    adapter.after_put = update
    with pytest.raises(Failure, match=f"{OURS}: set again"):
        run(adapter)


def test_placement_says_no():
    adapter = Adapter()
    adapter.get_traits = lambda *_: answer({"errors": "who are you"}, 403)
    with pytest.raises(Failure, match=r"GET /traits.*403.*who are you"):
        run(adapter)


def test_placement_is_not_there():
    adapter = Adapter()

    def request(*_, **__):
        raise exceptions.ConnectFailure("refused")

    adapter.request = request
    with pytest.raises(Failure, match="does not answer: refused"):
        run(adapter)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no auth_type"),
        ("[placement]\nauth_type = none-such\n", "none-such"),
    ],
)
def test_nova_conf_without_credentials(tmp_path, capsys, text, word):
    file = tmp_path / "nova.conf"
    file.write_text(text)
    assert main.main(["forget", "--config-file", str(file)]) == 2
    said = capsys.readouterr().err
    assert "[placement]" in said and word in said


def test_no_such_file(capsys):
    assert main.main(["forget", "--config-file", "/no/such"]) == 2
    assert "/no/such is not a file" in capsys.readouterr().err


def test_connect(tmp_path):
    """As Nova's own nova.conf has it; nothing is asked yet."""
    file = tmp_path / "nova.conf"
    file.write_text(
        "[placement]\nauth_type = password\n"
        "auth_url = http://192.0.2.1/identity\nusername = placement\n"
        "password = x\nproject_name = service\n"
        "user_domain_name = Default\nproject_domain_name = Default\n"
        "region_name = R\n"
    )
    found = placement.connect([str(file)])
    assert found._adapter.service_type == "placement"
    assert found._adapter.region_name == "R"
