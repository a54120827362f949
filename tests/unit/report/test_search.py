"""The search in the page holds what found.parquet says, and no more bytes than a page can bear."""

import base64
import json

import numpy as np
import pandas as pd

from coversim.report import neighbours
from coversim.report.inputs import NOTHING_FOUND, read_found
from coversim.report.neighbours import UNKNOWN, search_data
from coversim.report.page import write_report
from coversim.report.songs import Songs
from coversim.storage import embeddings, frames, parquet
from simulated_run import simulate


def found(queries: int) -> pd.DataFrame:
    """Works of two songs, each of which finds the next ten songs."""
    work = np.array([f"W_{n // 2:06}" for n in range(queries)])
    song = np.array([f"P_{n:06}" for n in range(queries)])
    query, rank = np.divmod(np.arange(10 * queries), 10)
    other = (query + rank + 1) % queries
    return pd.DataFrame(
        {
            "collection": "test",
            "work": work[query],
            "performance": song[query],
            "found_work": work[other],
            "found_performance": song[other],
            "rank": rank + 1,
            "distance": rank / 10,
            "probability": 1 / (rank + 2),
            "is_cover": work[query] == work[other],
        }
    )


def read_back(data: dict) -> tuple[np.ndarray, np.ndarray]:
    places = np.frombuffer(base64.b64decode(data["found"]), "<u4").reshape(-1, data["shown"])
    thousandths = np.frombuffer(base64.b64decode(data["probability"]), "<u2").reshape(places.shape)
    return places, thousandths


def test_each_query_has_the_songs_that_it_found_in_their_order():
    table = found(40).sample(frac=1, random_state=0)
    data = search_data(table, Songs(titles={("W_000000", "P_000000"): "x" * 200}))
    places, thousandths = read_back(data)
    names = [(data["works"][w], p) for w, p in zip(data["work"], data["performances"], strict=True)]
    for query in range(data["queries"]):
        own = table[(table.work == names[query][0]) & (table.performance == names[query][1])].sort_values(
            "rank"
        )
        expected = list(zip(own.found_work, own.found_performance, strict=True))
        assert [names[place] for place in places[query]] == expected
        assert thousandths[query].tolist() == np.rint(1000 * own.probability).tolist()
    assert max(map(len, data["titles"])) == 80


def test_fewer_songs_than_ten_are_filled_up_with_the_query_itself_and_unknown_probabilities_are_told():
    data = search_data(found(12).query("rank <= 3").assign(probability=np.nan), Songs())
    places, thousandths = read_back(data)
    assert (places[:, 3:] == np.arange(12)[:, None]).all()
    assert (thousandths == UNKNOWN).all()


def test_songs_that_are_no_queries_can_be_found():
    table = found(20)
    data = search_data(table[table.work != "W_000003"], Songs())
    assert data["queries"] == 18
    assert len(data["performances"]) == 20


def test_of_too_many_queries_whole_works_are_kept(monkeypatch):
    monkeypatch.setattr(neighbours, "QUERIES", 100)
    data = search_data(found(1000), Songs())
    assert (data["total"], data["queries"]) == (1000, 100)
    assert np.bincount(data["work"][:100]).max() == 2


def test_without_a_query_there_is_no_search():
    assert search_data(NOTHING_FOUND, Songs()) is None


def test_of_very_many_songs_that_were_found_the_first_are_read(tmp_path, monkeypatch):
    parts = [found(10), found(10), found(10)]
    parquet.write_parts(tmp_path / "found.parquet", parts)
    assert len(read_found(tmp_path / "found.parquet", "test")) == 300
    assert read_found(tmp_path / "found.parquet", "valid").empty
    monkeypatch.setattr("coversim.report.inputs.FOUND_READ", 150)
    assert len(read_found(tmp_path / "found.parquet", "test")) == 200


def enlarge(run: dict, songs: int) -> pd.DataFrame:
    """Replace the test works of a run by so many songs with long titles; returns what was found."""
    table = found(songs)
    asked = table[["work", "performance"]].drop_duplicates(ignore_index=True)
    work, performance = asked.work.to_numpy(), asked.performance.to_numpy()
    parquet.write(run["found"][0], table)
    for kind in ("ranks", "pairs"):
        rows = parquet.read(run[kind][0]).to_pandas().query("collection == 'test'")
        rows = rows.iloc[np.arange(songs) % len(rows)].reset_index(drop=True)
        names = {"work": work, "performance": performance}
        if kind == "pairs":
            other = np.arange(songs) ^ 1
            names = {
                **{f"{name}_a": values for name, values in names.items()},
                **{f"{name}_b": values[other] for name, values in names.items()},
            }
        parquet.write(run[kind][0], rows.assign(**names))
    random = np.random.default_rng(0)
    embeddings.write(run["embeddings"][0], work, performance, ["test"] * songs, random.random((songs, 8)))
    with frames.writing(run["frames"][0], "crema", 12, 4.0) as shard:
        for name in zip(work, performance, strict=True):
            shard.append(*name, random.random((12, 40)))
    titles = {
        w: {p: {"perf_title": f"A song that has a title of some length, {p}", "perf_artist": "And an artist"}}
        for w, p in zip(work[::2], performance[::2], strict=True)
    }
    run["titles"][0].write_text(json.dumps(titles))
    for path, (section, key, value) in {
        run["evaluations"][0]: ("collections", "test", {"songs": songs}),
        run["config"]: ("evaluation", "resamples", 50),
    }.items():
        content = json.loads(path.read_text())
        content[section][key] = content[section][key] | value if isinstance(value, dict) else value
        path.write_text(json.dumps(content))
    return table


def test_the_page_of_15_000_songs_has_less_than_15_megabytes_and_finds_them_all(tmp_path):
    run = simulate(tmp_path, {"vector": 0.45}, [1], songs=True)
    enlarge(run, 15_000)
    write_report(**run)
    assert '"queries": 15000' in run["output"].read_text(encoding="utf-8")
    assert run["output"].stat().st_size < 15e6
