#!/usr/bin/env python3
"""Checks a finished run from its saved files and the official data alone, in float64.

    check_run.py RUN_DIR                      the data are where the run had them; digits: scikit-learn's or --digits-file
    check_run.py RUN_DIR --data DIR
    check_run.py RUN_DIR --data DIR --layers 3 --no-test

Every layer's X is rebuilt from the raw data and the stored projections and weights. Then, for each layer:
  residual    |Y_c - (K + ridge I) A_c| / |Y_c|, the worst class, against the run's own tolerance (and what it reported)
  agop        sum of gradient outer products of the stored coefficients against the stored AGOP, relative, Frobenius
  root        the stored projection is symmetric, has no negative eigenvalue, and its square is the stored AGOP (identity:
              it is I). "root apart" is its distance from the root computed here: a root magnifies the rounding of small
              eigenvalues (storing 1 + 6e-8 moves it by up to sqrt(6e-8)), so that bound is wide.
  weights     stored weights and phases against the counter-based draw for the run's seed
  nc1, nc2    of input, projected and mapped features, relative; accuracy; root mean squared error
Prints each error, its bound, and exits 1 if one is over. No N x N matrix is held: memory is 1,024 x N.

A float32 run has rounded its X and A, and the files hold neither as it was used. Where residual or AGOP of such a run is
over its bound, the same is computed for an X rebuilt in float32 and an A moved by half a unit in the last place: how far
that moves them is the rounding floor, which is printed. --allow-rounding adds twice this floor to the bounds
(and to those of the error and the centers). Cosine features need it: their large weights magnify float32 rounding.
"""

import argparse
import json
import os
import sys
import time

import numpy as np
from safetensors.numpy import load_file

import datasets
import deep_rfm_float64 as rfm

BOUNDS = {  # by the run's precision
    "float32": dict(agop=1e-4, root=1e-6, root_apart=1e-3, weights=1e-6, nc1=1e-4, nc2=1e-4, rmse=1e-3, centers=1e-5,
                    statistics=1e-6, accuracy=2e-3),
    "float64": dict(agop=1e-9, root=1e-12, root_apart=1e-6, weights=1e-12, nc1=1e-9, nc2=1e-9, rmse=1e-9, centers=1e-9,
                    statistics=1e-12, accuracy=0.0),
}
PLACES = ("input", "projected", "mapped")


def relative(a, b):
    """|a - b| / |b|, Frobenius; infinite where the shapes differ."""
    if a.shape != b.shape:
        return float("inf")
    size = np.linalg.norm(b)
    return float(np.linalg.norm(a - b) / size) if size else float(np.linalg.norm(a))


def apart(stored, computed):
    """Relative difference of two measures; both undefined (null, nan) agree."""
    missing = [x is None or np.isnan(x) for x in (stored, computed)]
    if any(missing):
        return 0.0 if all(missing) else float("inf")
    return abs(stored - computed) / abs(computed) if computed else abs(stored)


class Checks:
    """Collects errors with their bounds; the worst of each kind makes the last table."""

    def __init__(self):
        self.failed, self.worst = 0, {}

    def add(self, kind, error, bound, where):
        ok = bool(error <= bound)
        self.failed += not ok
        if kind not in self.worst or not error <= self.worst[kind][0]:
            self.worst[kind] = (error, bound, where)
        if not ok:
            print(f"  FAIL {kind:28s} {error:.3e} over {bound:.1e} ({where})", flush=True)
        return error

    def table(self):
        print(f"\n{'check':30s} {'worst':>10s} {'bound':>10s}  where")
        for kind, (error, bound, where) in self.worst.items():
            print(f"{kind:30s} {error:10.2e} {bound:10.1e}  {where}{'' if error <= bound else '   FAIL'}")
        print("all checks passed" if not self.failed else f"{self.failed} checks failed")


def tensor(tensors, name, required=True):
    """By exact name, else the only one whose name contains it."""
    if name in tensors:
        return tensors[name]
    like = [k for k in tensors if name in k.lower()]
    if len(like) == 1:
        print(f"  (tensor {like[0]!r} taken for {name!r})")
        return tensors[like[0]]
    if required:
        sys.exit(f"no tensor {name!r} among {sorted(tensors)}")
    return None


def wide(array):
    return array.astype(np.float64)


def prepare(folder, options, data, bounds, checks):
    """Rebuilds the standardised, class-sorted samples and checks data.safetensors on the way."""
    saved = load_file(os.path.join(folder, "data.safetensors"))
    print("data.safetensors:", ", ".join(f"{k} {v.dtype} {v.shape}" for k, v in saved.items()))
    train_x, train_y, test_x, test_y = data
    order = tensor(saved, "order").astype(np.int64).ravel()
    N = len(order)
    train_x, train_y = train_x[:N], train_y[:N]
    _, train_y, test_y = datasets.classes(train_y, test_y)
    checks.add("order: stable sort by class", float(not np.array_equal(order, np.argsort(train_y, kind="stable"))), 0, "data")
    labels = tensor(saved, "labels").astype(np.int64).ravel()
    if not np.array_equal(labels, train_y[order]) and np.array_equal(labels, train_y):
        print("  (labels are stored in file order)")
        labels = labels[order]
    checks.add("labels", float(not np.array_equal(labels, train_y[order])), 0, "data")
    mean, scale, X, T = rfm.standardise(train_x, test_x)
    stored_mean, stored_scale = wide(tensor(saved, "mean")).ravel(), wide(tensor(saved, "scale")).ravel()
    varies = scale > 0
    inverse = np.median(stored_scale[varies] * scale[varies]), np.median(stored_scale[varies] / scale[varies])
    reciprocal = np.ptp(stored_scale[varies] * scale[varies]) < np.ptp(stored_scale[varies] / scale[varies])
    unit = 1 / inverse[0] if reciprocal else inverse[1]
    unit = 1.0 if abs(unit - 1) < 1e-3 else unit
    print(f"  scale is the {'reciprocal of the ' if reciprocal else ''}deviation; raw features times {unit:.6g}; "
          f"{np.sum(~varies)} constant features stored with scale {sorted(set(stored_scale[~varies].tolist()))[:3]}")
    expected = 1 / (scale[varies] * unit) if reciprocal else scale[varies] * unit
    checks.add("mean", relative(stored_mean, mean * unit), bounds["statistics"], "data")
    checks.add("scale", relative(stored_scale[varies], expected), bounds["statistics"], "data")
    return X[order], labels, T, test_y


def rows_pass(X, y, A, K, kernel, s, ridge, with_agop, block=1024):
    """One sweep over the kernel's rows: f = K A, the residual's squares per class, and the AGOP (not divided)."""
    d = X.shape[1]
    f, squares, M = np.empty((len(X), K)), np.zeros(K), np.zeros((d, d))
    Y = rfm.targets(y, K)
    for first, end in rfm.class_ranges(y):
        shift = X[first:end].mean(axis=0)
        Z = X - shift
        for a in range(first, end, block):
            b = min(a + block, end)
            D = rfm.distances(Z[a:b], Z, 0.0)
            f[a:b] = rfm.kernel_value(D, kernel, s) @ A
            squares += ((Y[a:b] - f[a:b] - ridge * A[a:b]) ** 2).sum(axis=0)
            if with_agop:
                H = rfm.gradient_weight(D, kernel, s)
                G = rfm.gradient_rows(Z, a, b, H, A, 0.0).reshape(-1, d)
                M += G.T @ G
    return f, squares, M


def rounding_floor(shadow, f, built, y, A, kernel, s, ridge):
    """How far float32 X (the shadow) and A, moved by half a unit in the last place, move residual and AGOP."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], A.shape)
    moved = A * (1 + signs * 2.0**-24)
    f_moved, _, M = rows_pass(wide(shadow), y, moved, A.shape[1], kernel, s, ridge, bool(built.any()))
    residual = np.linalg.norm(f_moved - f + ridge * (moved - A), axis=0).max() / np.sqrt(len(f))
    return residual, relative(rfm.over_largest_entry(M), rfm.over_largest_entry(built))


def check_layer(layer, folder, options, metrics, X, T, shadow, y, test_y, bounds, checks, arguments):
    """One layer; returns the next layer's rows: training, test, and the float32 shadow of the training rows (or None)."""
    start, where = time.time(), f"layer {layer}"
    saved = load_file(os.path.join(folder, "layers", f"{layer:02d}.safetensors"))
    if layer == 1:
        print("layers/01.safetensors:", ", ".join(f"{k} {v.dtype} {v.shape}" for k, v in saved.items()))
    A, M, R, W = (wide(tensor(saved, n)) for n in ("coefficients", "agop", "projection", "weights"))
    u = tensor(saved, "phases", required=options["features"] == "cosine")
    u = None if u is None else wide(u).ravel()
    K, kernel, s, ridge = A.shape[1], options["kernel"], options["bandwidth"], options["ridge"]
    out = {}

    f, squares, built = rows_pass(X, y, A, K, kernel, s, ridge, not arguments.no_agop)
    residual = np.sqrt(squares / len(X))
    agop_error = 0.0 if arguments.no_agop else relative(M, rfm.over_largest_entry(built))
    limits, floors = {"residual": options["tolerance"], "agop": bounds["agop"]}, (0.0, 0.0)
    if shadow is not None and (residual.max() > limits["residual"] or agop_error > limits["agop"]):
        floors = rounding_floor(shadow, f, built, y, A, kernel, s, ridge)
        print(f"        float32 rounding of X and A moves the residual by {floors[0]:.1e}, the AGOP by {floors[1]:.1e}")
        floors = floors if arguments.allow_rounding else (0.0, 0.0)
        limits = {k: v + 2 * floor for (k, v), floor in zip(limits.items(), floors)}
    if not metrics["solver"]["converged"]:
        print("        the run says that this layer did not converge: residual not judged")
        limits["residual"] = np.inf
    out["residual"] = checks.add("residual, worst class", residual.max(), limits["residual"], where)
    out["overall"] = np.sqrt(squares.sum() / (len(X) * K))
    out["reported"] = metrics["solver"]["residual"]
    if not arguments.no_agop:
        out["agop"] = checks.add("agop", agop_error, limits["agop"], where)
    if options["projection"] == "agop":
        out["root"] = checks.add("root: square is the AGOP", relative(R @ R, M), bounds["root"], where)
        checks.add("root: symmetric", relative(R.T, R), bounds["root"], where)
        value = np.linalg.eigvalsh((R + R.T) / 2)
        checks.add("root: no negative eigenvalue", max(0.0, -value[0] / value[-1]) if value[-1] > 0 else 0.0,
                   bounds["root"], where)
        checks.add("root apart", relative(R, rfm.symmetric_root(M)), bounds["root_apart"], where)
    elif options["projection"] == "identity":
        out["root"] = checks.add("projection is I", relative(R, np.eye(len(R))), 0, where)
    drawn, phases = rfm.random_weights(options["features"], X.shape[1], len(W), options["seed"], layer,
                                       options["featureScale"])
    out["weights"] = checks.add("weights", relative(W, drawn), bounds["weights"], where)
    if u is not None:
        checks.add("phases", relative(u, phases), bounds["weights"], where)

    projected = X @ R
    mapped = rfm.feature_map(projected, W, u)
    for place, rows in zip(PLACES, (X, projected, mapped)):
        for name, value in zip(("nc1", "nc2"), rfm.collapse(rows, y)):
            error = checks.add(f"{name} {place}", apart(metrics[name][place], value), bounds[name], where)
            out[name] = max(out.get(name, 0), error)
    pairs = [("train", f, y)]
    if len(test_y):
        pairs.append(("test", rfm.predict(T, X, y, A, kernel, s), test_y))
    for name, values, labels in pairs:
        error = abs(metrics["accuracy"][name] - rfm.accuracy(values, labels))
        checks.add(f"accuracy {name}", error, max(bounds["accuracy"], (1.5 if bounds["accuracy"] else 0.5) / len(labels)), where)
        rmse = np.sqrt(rfm.mean_squared_error(values, labels))
        error = abs(np.sqrt(metrics["meanSquaredError"][name]) - rmse) / (rmse + 1e-3)
        out[f"mse {name}"] = checks.add(f"root mean squared error {name}", error,
                                         bounds["rmse"] + 2 * floors[0] / (rmse + 1e-3), where)
    print(f"{layer:5d}  {out['residual']:9.2e} {out['overall']:9.2e} {out['reported']:9.2e}  {out.get('agop', np.nan):9.2e} "
          f"{out.get('root', np.nan):9.2e} {out['weights']:9.2e}  {out['nc1']:9.2e} {out['nc2']:9.2e}  "
          f"{out['mse train']:9.2e} {out.get('mse test', np.nan):9.2e}  {time.time() - start:6.1f}", flush=True)
    if shadow is not None:
        narrow = [None if x is None else x.astype(np.float32) for x in (R, W, u)]
        shadow = rfm.feature_map(shadow @ narrow[0], *narrow[1:]).astype(np.float32)
    return mapped, rfm.feature_map(T @ R, W, u), shadow


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN_DIR")
    parser.add_argument("--data", metavar="DIR", help="folder with the data set's official files (default: the run's)")
    parser.add_argument("--digits-file", metavar="FILE", help="the digits, instead of scikit-learn's copy")
    parser.add_argument("--digits-train", type=int, help="the digits' first so many images train (default: the run's samples)")
    parser.add_argument("--layers", type=int, help="only the first so many")
    parser.add_argument("--no-agop", action="store_true", help="leave out the AGOP (most of the time)")
    parser.add_argument("--no-test", action="store_true", help="leave out the test samples")
    parser.add_argument("--allow-rounding", action="store_true", help="add twice the float32 rounding floor to the bounds")
    for name in ("agop", "root", "nc1", "nc2", "rmse", "accuracy"):
        parser.add_argument(f"--bound-{name}", type=float)
    arguments = parser.parse_args()

    folder = arguments.run
    with open(os.path.join(folder, "config.json")) as file:
        options = json.load(file)["options"]
    with open(os.path.join(folder, "metrics.jsonl")) as file:
        metrics = {m["layer"]: m for m in map(json.loads, filter(str.strip, file))}
    print("options:", json.dumps(options))
    bounds = dict(BOUNDS[options["precision"]])
    bounds.update({k[6:]: v for k, v in vars(arguments).items() if k.startswith("bound_") and v is not None})

    checks = Checks()
    digits_train = arguments.digits_train or options.get("samples")
    data = arguments.data or options.get("data")
    train_x, train_y, test_x, test_y = datasets.load(options["dataset"], data, arguments.digits_file, digits_train)
    kept = 0 if arguments.no_test else options.get("testSamples")
    X, y, T, test_y = prepare(folder, options, (train_x, train_y, test_x[:kept], test_y[:kept]), bounds, checks)
    print(f"{len(X)} training samples, {len(T)} test samples, {X.shape[1]} features\n")
    print("layer   residual   overall  reported       agop      root   weights        nc1       nc2"
          "   mse train  mse test seconds")
    last = max(metrics)
    shadow = X.astype(np.float32) if options["precision"] == "float32" else None
    for layer in range(1, min(last, arguments.layers or last) + 1):
        X, T = rfm.unit_rows(X), rfm.unit_rows(T)
        shadow = None if shadow is None else rfm.unit_rows(shadow).astype(np.float32)
        if layer == last:
            centers = wide(tensor(load_file(os.path.join(folder, "model.safetensors")), "centers"))
            floor = relative(wide(shadow), X) if shadow is not None and arguments.allow_rounding else 0.0
            checks.add("centers", relative(centers, X), bounds["centers"] + 2 * floor, f"layer {layer}")
        X, T, shadow = check_layer(layer, folder, options, metrics[layer], X, T, shadow, y, test_y, bounds, checks, arguments)
    checks.table()
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
