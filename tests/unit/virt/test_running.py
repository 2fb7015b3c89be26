"""Migrations that come and go, as Nova's records tell."""

from types import SimpleNamespace

from nova_livemig_gpu.virt.running import Running, running


def migration(source, dest):
    return SimpleNamespace(source_compute=source, dest_compute=dest)


def test_both_directions_are_counted():
    asked = []

    def find(context, filters):
        assert context.is_admin
        asked.append(filters)
        return [
            migration("here", "a"),
            migration("b", "here"),
            migration("c", "here"),
        ]

    assert running("here", find) == Running(out=1, into=2)
    (filters,) = asked
    assert filters["host"] == "here"
    assert filters["migration_type"] == "live-migration"
    assert set(filters["status"]) == {
        "preparing",
        "running",
        "running (post-copy)",
    }


def test_none_is_not_unknown():
    assert running("here", lambda context, filters: []) == Running(0, 0)


def test_without_an_answer_it_is_unknown_aloud(caplog):
    def find(context, filters):
        raise OSError("no conductor")

    assert running("here", find) == Running(None, None)
    assert "no conductor" in caplog.text
