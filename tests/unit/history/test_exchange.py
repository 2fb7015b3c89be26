"""Export and import: the same twice, and from many hosts."""

from nova_livemig_gpu.history import exchange
from nova_livemig_gpu.history.store import History
from tests import builders_history as builders


def made(path, numbers):
    history = History(path)
    history.add(*(builders.typical(n) for n in numbers))
    return history


def uuids(history):
    return sorted(entry.migration for entry in history.entries())


def test_there_and_back(tmp_path):
    one = made(tmp_path / "one", range(1200))
    text = list(exchange.lines(one))
    other = History(tmp_path / "other")
    done = exchange.load(other, text)
    assert (done.read, done.wrong, done.kept) == (1200, (), True)
    assert uuids(other) == uuids(one)
    before = next(iter(one.entries()))
    after = next(e for e in other.entries() if e.migration == before.migration)
    assert after.outcome == before.outcome
    assert after.prediction == before.prediction
    assert after.stuns == before.stuns


def test_twice_is_once(tmp_path):
    one = made(tmp_path / "one", range(30))
    text = list(exchange.lines(one))
    other = made(tmp_path / "other", range(20, 40))
    for _ in range(2):
        exchange.load(other, text)
        assert other.count() == 40
    before = list(exchange.lines(one))
    exchange.load(one, exchange.lines(other))
    assert uuids(one) == uuids(other)
    assert list(exchange.lines(one))[: len(before)] == before


def test_wrong_lines_are_named_and_the_others_count(tmp_path):
    one = made(tmp_path / "one", range(2))
    first, second = exchange.lines(one)
    other = History(tmp_path / "other")
    text = [first, "", "nonsense", second, "x" * 200_000, "{}"]
    done = exchange.load(other, (f"{line}\n" for line in text))
    assert done.read == other.count() == 2
    assert [line.split(":")[0] for line in done.wrong] == [
        "line 3",
        "line 5",
        "line 6",
    ]


def test_a_history_that_cannot_be_written(tmp_path):
    text = list(exchange.lines(made(tmp_path / "one", range(2))))
    (tmp_path / "file").write_text("")
    done = exchange.load(History(tmp_path / "file" / "h"), text)
    assert not done.kept and done.read == 2
