#!/usr/bin/env python3
"""Deep Recursive Feature Machines in float64, written plainly: the reference the Swift program is measured against.

Beaglehole, Radhakrishnan, Boix-Adsera, Belkin: "Average gradient outer product as a mechanism for deep neural
collapse", arXiv 2402.13728, Algorithm 1; the AGOP and its root from "Mechanism for feature learning in neural
networks and backpropagation-free machine learning models", arXiv 2212.13881.

Letters: N samples sorted by class, K classes, X (N x d) unit rows, D distances, k kernel values, s bandwidth,
mu ridge, Y (N x K) targets +1/-1, A (N x K) coefficients, M AGOP, R its root, W random weights, u phases.

    deep_rfm_float64.py --dataset mnist --data DIR --samples 4000 --layers 20 --output RUN_DIR
"""

import argparse
import json
import os
import time

import numpy as np
import scipy.linalg

import datasets
import random_stream

COINCIDENT = 1e-12  # unit rows nearer than this are one point: float64 rounding of equal rows, far below real distances


# ---------------------------------------------------------------- data

def standardise(train, *others):
    """Each feature minus its mean over its unbiased standard deviation, by the training samples' statistics;
    a constant feature becomes 0. Returns (mean, scale, train, *others), x = (raw - mean) / scale."""
    mean = train.mean(axis=0)
    scale = train.std(axis=0, ddof=1) if len(train) > 1 else np.zeros(train.shape[1])
    constant = train.max(axis=0) == train.min(axis=0)
    scale = np.where(constant, 0.0, scale)
    inverse = np.where(constant, 0.0, 1 / np.where(constant, 1.0, scale))
    return (mean, scale, *((x - mean) * inverse for x in (train, *others)))


def unit_rows(X):
    """Each row over its norm; a zero row stays zero."""
    norm = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(norm == 0, 1.0, norm)


def targets(y, K):
    """+1 for the sample's class, -1 elsewhere (N x K)."""
    return np.where(y[:, None] == np.arange(K), 1.0, -1.0)


# ---------------------------------------------------------------- kernel

def distances(P, X, shift):
    """|p_i - x_j|. A shift common to both changes no distance; with a nearby point it makes the small ones accurate.
    What still cancels (D^2 below 1e-4 of the squared norms) is taken from the difference itself."""
    P, X = P - shift, X - shift
    p2, x2 = (P * P).sum(axis=1), (X * X).sum(axis=1)
    scale = p2[:, None] + x2
    D2 = scale - 2 * (P @ X.T)
    i, j = np.nonzero(D2 <= 1e-4 * scale)
    for part in range(0, len(i), 100_000):
        a, b = i[part:part + 100_000], j[part:part + 100_000]
        D2[a, b] = ((P[a] - X[b]) ** 2).sum(axis=1)
    D = np.sqrt(np.maximum(D2, 0))
    D[D <= COINCIDENT] = 0
    return D


def kernel_value(D, kernel, s):
    """laplace: exp(-D/s), gaussian: exp(-D^2 / (2 s^2))."""
    return np.exp(-D / s) if kernel == "laplace" else np.exp(-D * D / (2 * s * s))


def gradient_weight(D, kernel, s):
    """H with grad f_c(x_i) = sum_j A_jc H_ij (x_j - x_i). laplace: k / (s D), the coincident point left out;
    gaussian: k / s^2 (a coincident point's difference is 0; H is set to 0 there all the same)."""
    apart = D > 0
    if kernel == "laplace":
        return np.where(apart, np.exp(-D / s) / (s * np.where(apart, D, 1.0)), 0.0)
    return np.where(apart, np.exp(-D * D / (2 * s * s)) / (s * s), 0.0)


def class_ranges(y):
    """[(first, end)] of each class that has samples; y is sorted."""
    edges = np.flatnonzero(np.diff(y)) + 1
    return list(zip(np.r_[0, edges], np.r_[edges, len(y)]))


def all_distances(X, y):
    """N x N, each class's rows shifted by that class's mean, and made symmetric."""
    D = np.concatenate([distances(X[a:b], X, X[a:b].mean(axis=0)) for a, b in class_ranges(y)])
    return (D + D.T) / 2


def predict(P, X, y, A, kernel, s):
    """f(p) = k(p, X) A; each p is shifted by its nearest class mean, so that deep, collapsed layers stay accurate."""
    means = np.stack([X[a:b].mean(axis=0) for a, b in class_ranges(y)])
    nearest = ((P * P).sum(1)[:, None] - 2 * P @ means.T + (means * means).sum(1)).argmin(axis=1)
    f = np.empty((len(P), A.shape[1]))
    for c, mean in enumerate(means):
        rows = np.flatnonzero(nearest == c)
        for part in range(0, len(rows), 1000):
            block = rows[part:part + 1000]
            f[block] = kernel_value(distances(P[block], X, mean), kernel, s) @ A
    return f


def solve(k, Y, mu):
    """(k + mu I) A = Y by Cholesky, by LU where k + mu I is not positive definite to rounding."""
    system = k + mu * np.eye(len(k))
    try:
        return scipy.linalg.cho_solve(scipy.linalg.cho_factor(system), Y)
    except np.linalg.LinAlgError:
        return scipy.linalg.solve(system, Y)


# ---------------------------------------------------------------- average gradient outer product

def gradient_rows(X, first, end, H, A, shift):
    """grad f_c(x_i) for rows first..<end and each c (K x rows x d), H being those rows of the weight matrix. The sums
    of x_j - x_i are taken in shifted coordinates: within a class the differences are small and H is large."""
    Z = X - shift
    return np.stack([(H * a) @ Z - (H @ a)[:, None] * Z[first:end] for a in A.T])


def agop_by_class(X, y, A, H):
    """M = sum_i sum_c grad f_c(x_i) grad f_c(x_i)^T."""
    M = np.zeros((X.shape[1], X.shape[1]))
    for a, b in class_ranges(y):
        G = gradient_rows(X, a, b, H[a:b], A, X[a:b].mean(axis=0)).reshape(-1, X.shape[1])
        M += G.T @ G
    return M


def agop_by_gram(X, A, H):
    """The same without a sum over classes: M = X^T [(A A^T) o HH - (A B^T) o H - (B A^T) o H + diag |b_i|^2] X, B = H A."""
    B = H @ A
    mixed = (A @ B.T) * H
    Q = (A @ A.T) * (H @ H) - mixed - mixed.T + np.diag((B * B).sum(axis=1))
    Z = X - X.mean(axis=0)  # Q 1 = 0: a shift changes nothing
    return Z.T @ Q @ Z


def agop_plain(X, A, kernel, s):
    """The definition, sample by sample and pair by pair: for small problems only."""
    M = np.zeros((X.shape[1], X.shape[1]))
    for x in X:
        gradient = np.zeros((A.shape[1], X.shape[1]))
        for z, a in zip(X, A):
            D = np.linalg.norm(z - x)
            if D > COINCIDENT:
                factor = np.exp(-D / s) / (s * D) if kernel == "laplace" else np.exp(-D * D / (2 * s * s)) / s**2
                gradient += factor * np.outer(a, z - x)
        M += gradient.T @ gradient
    return M


def over_largest_entry(M):
    """M over its largest entry; M = 0 (no two distinct points) stays 0."""
    largest = M.max()
    return M / largest if largest > 0 else M


def symmetric_root(M):
    """M^(1/2) by eigendecomposition, negative eigenvalues to 0."""
    value, vector = np.linalg.eigh((M + M.T) / 2)
    return (vector * np.sqrt(np.maximum(value, 0))) @ vector.T


# ---------------------------------------------------------------- random features

def random_weights(features, d, width, seed, layer, feature_scale):
    """relu: W (width x d) uniform in (-1/sqrt d, 1/sqrt d), no phases; cosine: W (d x d) Cauchy, u uniform in (0, 2 pi)."""
    if features == "relu":
        draw = random_stream.uniform(seed, "weights", layer, range(width), range(d))
        return (2 * draw - 1) / np.sqrt(d), None
    draw = random_stream.uniform(seed, "weights", layer, range(d), range(d))
    phases = 2 * np.pi * random_stream.uniform(seed, "phases", layer, range(d), [0])[:, 0]
    return feature_scale * np.tan(np.pi * (draw - 0.5)), phases


def feature_map(projected, W, u):
    """relu(X R W^T), or sqrt(2/d) cos(X R W^T + u) where there are phases."""
    Z = projected @ W.T
    return np.maximum(Z, 0) if u is None else np.sqrt(2 / W.shape[1]) * np.cos(Z + u)


# ---------------------------------------------------------------- measures

def collapse(X, y):
    """NC1 = tr(S_W) / tr(S_B) and NC2 (mean squared distance of the class means' cosines from a simplex), over the
    classes that have samples; (nan, nan) where there is only one."""
    ranges = class_ranges(y)
    K, N = len(ranges), len(X)
    if K < 2:
        return float("nan"), float("nan")
    means = np.stack([X[a:b].mean(axis=0) for a, b in ranges])
    within = sum(((X[a:b] - m) ** 2).sum() for (a, b), m in zip(ranges, means)) / (K * N)
    centred = means - means.mean(axis=0)
    between = (centred * centred).sum() / K
    U = unit_rows(centred)
    simplex = np.where(np.eye(K) == 1, 1.0, -1 / (K - 1))
    return float(within / between), float(((U @ U.T - simplex) ** 2).mean())


def accuracy(f, y):
    return float((f.argmax(axis=1) == y).mean()) if len(y) else None


def mean_squared_error(f, y):
    """Over all N K entries."""
    return float(((f - targets(y, f.shape[1])) ** 2).mean()) if len(y) else None


# ---------------------------------------------------------------- the method

def deep_rfm(train_x, train_y, test_x, test_y, classes, layers, kernel="laplace", bandwidth=2.0, ridge=1e-3,
             features="relu", width=512, feature_scale=0.1, projection="agop", seed=0, rounded=()):
    """Algorithm 1. Yields one dictionary a layer. train_y must be sorted; the features are raw (not standardised).

    rounded: what is stored in float32 between the float64 computations: any of data, weights, projection, coefficients."""
    def stored(name, array):
        return array.astype(np.float32).astype(np.float64) if name in rounded and array is not None else array

    mean, scale, X, T = standardise(train_x, test_x)
    Y = targets(train_y, classes)
    for layer in range(1, layers + 1):
        start = time.time()
        X, T = stored("data", unit_rows(stored("data", X))), stored("data", unit_rows(stored("data", T)))
        D = all_distances(X, train_y)
        k = kernel_value(D, kernel, bandwidth)
        A = solve(k, Y, ridge)
        residual = np.linalg.norm(Y - k @ A - ridge * A, axis=0) / np.linalg.norm(Y, axis=0)
        A = stored("coefficients", A)
        f, f_test = k @ A, predict(T, X, train_y, A, kernel, bandwidth)
        H = gradient_weight(D, kernel, bandwidth)
        raw_agop = agop_by_class(X, train_y, A, H)
        M = over_largest_entry(raw_agop)
        R = symmetric_root(M)
        used = stored("projection", np.eye(len(M)) if projection == "identity" else R)
        W, u = random_weights(features, X.shape[1], width, seed, layer, feature_scale)
        W, u = stored("weights", W), stored("weights", u)
        projected = X @ used
        mapped = feature_map(projected, W, u)
        nc = [collapse(Z, train_y) for Z in (X, projected, mapped)]
        places = ("input", "projected", "mapped")
        yield {
            "metrics": {
                "layer": layer, "inputWidth": X.shape[1], "outputWidth": W.shape[0], "samples": len(X), "ranks": 1,
                "nc1": dict(zip(places, (n[0] for n in nc))), "nc2": dict(zip(places, (n[1] for n in nc))),
                "accuracy": {"train": accuracy(f, train_y), "test": accuracy(f_test, test_y)},
                "meanSquaredError": {"train": mean_squared_error(f, train_y),
                                     "test": mean_squared_error(f_test, test_y)},
                "solver": {"method": "cholesky", "iterations": 0, "residual": float(residual.max()), "converged": True},
                "agop": {"route": "class"}, "seconds": {"total": time.time() - start},
            },
            "mean": mean, "scale": scale, "X": X, "T": T, "D": D, "k": k, "H": H, "A": A, "f": f, "f_test": f_test,
            "raw_agop": raw_agop, "agop": M, "root": R, "projection": used, "W": W, "u": u,
            "projected": projected, "mapped": mapped,
        }
        X, T = mapped, feature_map(T @ used, W, u)


def write_layer(folder, result, rounded):
    """One layer in the run directory's form; float32 where the run itself rounded, so that the file holds what was used."""
    from safetensors.numpy import save_file
    name = os.path.join(folder, "layers", f"{result['metrics']['layer']:02d}.safetensors")
    tensors = {"agop": ("agop", "projection"), "projection": ("projection", "projection"), "weights": ("W", "weights"),
               "phases": ("u", "weights"), "coefficients": ("A", "coefficients")}
    save_file({k: np.ascontiguousarray(result[v], np.float32 if word in rounded else np.float64)
               for k, (v, word) in tensors.items() if result[v] is not None}, name)
    with open(os.path.join(folder, "metrics.jsonl"), "a") as file:
        file.write(json.dumps(result["metrics"]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=["digits", "mnist", "cifar10", "npy"], default="digits")
    parser.add_argument("--data", metavar="DIR", help="folder with the set's files")
    parser.add_argument("--digits-file", metavar="FILE", help="the digits, instead of scikit-learn's copy")
    parser.add_argument("--digits-train", type=int, help="the digits' first so many images train, the rest test")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--test-samples", type=int)
    parser.add_argument("--layers", type=int, default=20)
    parser.add_argument("--kernel", choices=["laplace", "gaussian"], default="laplace")
    parser.add_argument("--bandwidth", type=float, default=2.0)
    parser.add_argument("--ridge", type=float, default=1e-3)
    parser.add_argument("--features", choices=["relu", "cosine"], default="relu")
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--feature-scale", type=float, default=0.1)
    parser.add_argument("--projection", choices=["agop", "identity"], default="agop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounded", default="", help="stored in float32: data,weights,projection,coefficients or all")
    parser.add_argument("--output", metavar="DIR", help="write a run directory")
    o = parser.parse_args()

    train_x, train_y, test_x, test_y = datasets.load(o.dataset, o.data, o.digits_file, o.digits_train)
    train_x, train_y = train_x[:o.samples], train_y[:o.samples]
    test_x, test_y = test_x[:o.test_samples], test_y[:o.test_samples]
    names, train_y, test_y = datasets.classes(train_y, test_y)
    classes = len(names)
    order = np.argsort(train_y, kind="stable")
    rounded = ("data", "weights", "projection", "coefficients") if o.rounded == "all" else o.rounded.split(",")
    dtype = np.float32 if o.rounded else np.float64
    method = dict(layers=o.layers, kernel=o.kernel, bandwidth=o.bandwidth, ridge=o.ridge, features=o.features,
                  width=o.width, feature_scale=o.feature_scale, projection=o.projection, seed=o.seed, rounded=rounded)
    if o.output:
        os.makedirs(os.path.join(o.output, "layers"))
        options = dict(dataset=o.dataset, samples=len(train_x), testSamples=len(test_x), layers=o.layers,
                       kernel=o.kernel, bandwidth=o.bandwidth, ridge=o.ridge, features=o.features, width=o.width,
                       featureScale=o.feature_scale, projection=o.projection, seed=o.seed,
                       precision=np.dtype(dtype).name, solver="cholesky", tolerance=1e-5)
        with open(os.path.join(o.output, "config.json"), "w") as file:
            json.dump({"options": options, "version": "float64 reference", "ranks": 1}, file, indent=1)
    print("layer,nc1,nc2,nc1_projected,nc1_mapped,train_accuracy,test_accuracy,residual,seconds")
    for result in deep_rfm(train_x[order], train_y[order], test_x, test_y, classes, **method):
        m = result["metrics"]
        print(m["layer"], f"{m['nc1']['input']:.6e}", f"{m['nc2']['input']:.6e}", f"{m['nc1']['projected']:.6e}",
              f"{m['nc1']['mapped']:.6e}", m["accuracy"]["train"], m["accuracy"]["test"],
              f"{m['solver']['residual']:.1e}", f"{m['seconds']['total']:.1f}", sep=",", flush=True)
        if o.output:
            write_layer(o.output, result, rounded)
    if o.output:
        from safetensors.numpy import save_file
        save_file({"order": order.astype(np.int64), "labels": train_y[order], "mean": result["mean"],
                   "scale": result["scale"]}, os.path.join(o.output, "data.safetensors"))
        save_file({"centers": result["X"].astype(np.float32 if "data" in rounded else np.float64)}, os.path.join(o.output, "model.safetensors"))


if __name__ == "__main__":
    main()
