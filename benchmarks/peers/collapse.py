"""`deeprfm collapse` beside the neural-collapse package (github.com/rhubarbwu/neural-collapse) on the same file, in turn, three rounds.

    python benchmarks/peers/collapse.py --package CLONE [--samples 50000 --dimension 2048 --classes 100] [--scratch DIR] [--ranks 2]

Needs torch (CPU) and numpy. The package gets its features from the memory-mapped file in batches of 1,000, as its README does from a loader;
it has no file reader of its own. Prints what both compute, seconds, and the peak memory of each process (GNU time). What the package calls
self-duality is another quantity, and is not compared.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

HOME = pathlib.Path(__file__).resolve().parents[2]


def make(folder, n, d, k):
    random = np.random.default_rng(0)
    means = random.standard_normal((k, d), dtype=np.float32)
    labels = random.integers(0, k, n)
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (n, d))
    for start in range(0, n, 1000):
        part = slice(start, min(n, start + 1000))
        x[part] = means[labels[part]] + 0.5 * random.standard_normal((part.stop - start, d), dtype=np.float32)
    x.flush()
    np.save(folder / "y.npy", labels)
    np.save(folder / "w.npy", (means - means.mean(0)) + 0.1 * random.standard_normal((k, d), dtype=np.float32))


def package(folder, path):
    """In a process of its own: one JSON object."""
    sys.path.insert(0, path)
    import torch as pt
    from neural_collapse.accumulate import CovarAccumulator, DecAccumulator, MeanAccumulator, VarNormAccumulator
    from neural_collapse.measure import (clf_ncc_agreement, covariance_ratio, simplex_etf_error, variability_cdnv)
    start = time.monotonic()
    x, y = np.load(folder / "x.npy", mmap_mode="r"), np.load(folder / "y.npy")
    w = pt.from_numpy(np.load(folder / "w.npy"))
    k, d = w.shape

    def batches():
        for first in range(0, len(x), 1000):
            yield pt.from_numpy(np.array(x[first:first + 1000])), pt.from_numpy(y[first:first + 1000])

    mean = MeanAccumulator(k, d)
    for features, labels in batches():
        mean.accumulate(features, labels)
    means, centre = mean.compute()
    covar, norms, decisions = CovarAccumulator(k, d, M=means), VarNormAccumulator(k, d, M=means), DecAccumulator(k, d, M=means, W=w)
    for features, labels in batches():
        covar.accumulate(features, labels, means)
        norms.accumulate(features, labels, means)
        decisions.accumulate(features, labels, w, means)
    within, (variances, _) = covar.compute(), norms.compute()
    result = {
        "nc1.traceQuotient": covariance_ratio(within, means, centre, "quotient"),
        "nc1.pseudoinverse": covariance_ratio(within, means, centre, "svd"),
        "nc1.cdnv": variability_cdnv(variances, means, tile_size=64),
        "nc2.frobenius": simplex_etf_error(means, centre),
        "nc4.nearestCentreAgreement": clf_ncc_agreement(decisions),
    }
    seconds = time.monotonic() - start
    print(json.dumps({"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10, **result}))


def ours(folder, program, ranks):
    """Peak memory: of the rank that held most."""
    command = ["/usr/bin/time", "-a", "-o", folder / "peaks", "-f", "%M", program, "collapse", "--features", folder / "x.npy", "--labels",
               folder / "y.npy", "--weights", folder / "w.npy", "--json"]
    if ranks > 1:
        command = ["mpirun", "--quiet", "--bind-to", "none", "-n", str(ranks)] + command
    (folder / "peaks").unlink(missing_ok=True)
    start = time.monotonic()
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds = time.monotonic() - start
    found = json.loads(text)
    flat = {f"{group}.{name}": value for group in ("nc1", "nc2", "nc4") for name, value in found[group].items()}
    peak = max(int(line) for line in (folder / "peaks").read_text().split())
    return {"seconds": seconds, "peak": peak << 10, **flat}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--package", required=True)
    parser.add_argument("--program", default=str(HOME / ".build/release/deeprfm"))
    parser.add_argument("--scratch", default=None)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    for name, value in (("samples", 50000), ("dimension", 2048), ("classes", 100)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--as-package", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_package:
        return package(pathlib.Path(options.as_package), options.package)
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        folder = pathlib.Path(name)
        make(folder, options.samples, options.dimension, options.classes)
        rounds = []
        for _ in range(options.rounds):
            mine = ours(folder, options.program, options.ranks)
            text = subprocess.run([sys.executable, __file__, "--package", options.package, "--as-package", name], check=True,
                                  capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": ""}).stdout
            rounds.append((mine, json.loads(text)))
    for mine, other in rounds:
        print(f"deeprfm {mine['seconds']:.2f} s, {mine['peak'] / 2**20:.0f} MiB a rank; "
              f"neural-collapse {other['seconds']:.2f} s, {other['peak'] / 2**20:.0f} MiB; {other['seconds'] / mine['seconds']:.1f} times")
    mine, other = rounds[-1]
    for key in other:
        if key not in ("seconds", "peak"):
            print(f"{key:28} {mine[key]:.12e}  {other[key]:.12e}  {abs(mine[key] - other[key]) / abs(mine[key]):.1e}")


if __name__ == "__main__":
    main()
