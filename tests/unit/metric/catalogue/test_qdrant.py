"""The exported table in Qdrant's own engine: it finds the songs that the catalogue finds."""

import numpy as np
import pyarrow.parquet as parquet
import pytest

from coversim.metric.catalogue.catalogue import Catalogue
from coversim.metric.catalogue.export import export
from coversim.metric.kinds.points import Embedding
from metric_files import write_songs


def test_qdrant_finds_the_same_songs_at_the_same_distances(metric_file, tmp_path):
    qdrant = pytest.importorskip("qdrant_edge", reason="Qdrant Edge is not installed")
    folder = write_songs(tmp_path / "songs.cat", metric_file, 600, 2)
    export(folder, tmp_path / "songs.parquet")
    rows = parquet.read_table(tmp_path / "songs.parquet").to_pylist()
    vectors = qdrant.EdgeVectorParams(size=len(rows[0]["embedding"]), distance=qdrant.Distance.Euclid)
    (tmp_path / "shard").mkdir()
    shard = qdrant.EdgeShard.create(str(tmp_path / "shard"), qdrant.EdgeConfig(vectors={"": vectors}))
    points = [qdrant.Point(place, row.pop("embedding"), row) for place, row in enumerate(rows)]
    shard.update(qdrant.UpdateOperation.upsert_points(points))
    catalogue = Catalogue.load(folder)
    for seed in range(5):
        sought = np.random.default_rng(seed).standard_normal(vectors.size).astype(np.float32)
        expected = catalogue.search(Embedding(sought, sought[None]))
        query = qdrant.Query.Nearest(sought.tolist())
        found = shard.query(qdrant.QueryRequest(limit=10, query=query, with_payload=True))
        assert [song.payload["path"] for song in found] == [song.entry.path for song in expected]
        np.testing.assert_allclose(
            [song.score for song in found], [song.distance for song in expected], rtol=1e-5
        )
