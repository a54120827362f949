"""Exact PCA by moments beside scikit-learn's IncrementalPCA and its full PCA of all patches at once.

python tests/benchmarks/bench_pca.py [patches] [size] [components]

By default patches as of `vector`; `2000 9216 128` are those of `brief` with three features, few beside their size.
"""

import sys
import time
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA, IncrementalPCA

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from coversim.features.pca import Moments, principal_components

BATCH = 1000


def main(count: int = 100_000, size: int = 390, components: int = 96) -> None:
    generator = np.random.default_rng(1)
    mixing = np.linalg.qr(generator.normal(size=(size, size)))[0] * 0.97 ** np.arange(size)[:, None]
    patches = np.concatenate(
        [generator.normal(size=(rows, size)) @ mixing for rows in np.diff([*range(0, count, BATCH), count])]
    ).astype(np.float32)
    batches = np.array_split(patches, max(1, count // BATCH))

    def by_moments() -> np.ndarray:
        moments = Moments(size)
        for batch in batches:
            moments.add(batch)
        return principal_components(moments, components).components

    def by_incremental_pca() -> np.ndarray:
        pca = IncrementalPCA(components)
        for batch in batches:
            pca.partial_fit(batch)
        return pca.components_

    def by_full_pca() -> np.ndarray:
        return PCA(components, svd_solver="full").fit(patches.astype(np.float64)).components_

    found, seconds = {}, {}
    for name, fit in (
        ("moments", by_moments),
        ("IncrementalPCA", by_incremental_pca),
        ("full PCA", by_full_pca),
    ):
        started = time.perf_counter()
        found[name] = fit()
        seconds[name] = time.perf_counter() - started
    reference = found["full PCA"].T @ found["full PCA"]
    print(f"{count} patches of {size} values, {components} components")
    for name, axes in found.items():
        difference = np.abs(axes.T @ axes - reference).max()
        print(
            f"{name:15} {seconds[name]:7.2f} s  {seconds[name] / seconds['moments']:6.1f} × moments  "
            f"max |difference| of the projector {difference:.1e}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
