#!/usr/bin/env python3
"""Writes the golden values beside this file: random.json, tiny-*.json, present-*.json, digits-*.json, rfm-*.json (README.md gives their keys).

    generate.py             write them
    generate.py --check     recompute, compare with what is written, exit 1 where a number differs

Deterministic but for the last digits, which depend on the BLAS.
"""

import argparse
import json
import os
import sys

import numpy as np

import datasets
import deep_rfm_float64 as rfm
import rfm_float64 as plain
import random_stream

HERE = os.path.dirname(os.path.abspath(__file__))
SEEDS = (0, 7, 0x1_2345_6789)  # the last one has a high word
KERNELS, FEATURES = ("laplace", "gaussian"), ("relu", "cosine")


def lists(value):
    """NumPy to plain JSON; float64 prints in full."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {k: lists(v) for k, v in value.items()}
    return [lists(v) for v in value] if isinstance(value, (list, tuple)) else value


def random_numbers():
    known = [dict(counter=c, key=k, words=w) for c, k, w in random_stream.KNOWN_ANSWERS]
    samples = []
    for seed in SEEDS:
        for purpose in random_stream.PURPOSE:
            for layer, row, column in ((1, 0, 0), (1, 0, 1), (1, 1, 0), (2, 3, 5), (20, 511, 3071), (0, 59_999, 2**32 - 1)):
                at = (seed, purpose, layer, [row], [column])
                samples.append(dict(
                    seed=seed, purpose=purpose, layer=layer, row=row, column=column,
                    words=[int(w[0, 0]) for w in random_stream.words(*at)],
                    uniform=random_stream.uniform(*at)[0, 0], normal=random_stream.normal(*at)[0, 0]))
    weights = []
    for seed in SEEDS:
        for layer in (1, 3):
            relu, _ = rfm.random_weights("relu", 5, 7, seed, layer, 0.1)
            cosine, phases = rfm.random_weights("cosine", 5, 5, seed, layer, 0.1)
            weights.append(dict(seed=seed, layer=layer, inputWidth=5, width=7, featureScale=0.1,
                                relu=relu, cosine=cosine, phases=phases))
    return dict(philox=known, samples=samples, weights=weights)


def tiny_data():
    """12 samples of 5 features in file order, 4 classes. Class 2 is absent, class 3 has one sample (row 4). Row 7 repeats
    row 1 (same label), row 9 repeats row 2 (another label). Feature 3 is constant (and no binary fraction). Row 5 is
    exactly the mean of the training samples, so it standardises to a zero row. Five test samples: row 0 repeats
    training row 1, row 1 is again the mean."""
    x = np.round(4 * np.random.default_rng(2402).standard_normal((12, 5))) / 4
    labels = np.array([1, 0, 1, 0, 3, 1, 0, 0, 1, 0, 1, 0])
    x[7], x[9], x[5] = x[1], x[2], 0.25
    x[11] += 12 * x[5] - x.sum(axis=0)
    x[:, 3] = 0.3
    test = np.round(4 * np.random.default_rng(13728).standard_normal((5, 5))) / 4
    test[0], test[1] = x[1], x[5]
    return x, labels, test, np.array([0, 1, 3, 1, 0])


def options(kernel, features, **more):
    return dict(kernel=kernel, bandwidth=2.0, ridge=1e-3, features=features, featureScale=0.1, projection="agop",
                seed=0, layers=3, **more)


def run(x, y, test_x, test_y, classes, o):
    """The layers of a run on samples in file order, with order and sorted labels."""
    order = np.argsort(y, kind="stable")
    layers = rfm.deep_rfm(
        x[order], y[order], test_x, test_y, classes, layers=o["layers"], kernel=o["kernel"], bandwidth=o["bandwidth"],
        ridge=o["ridge"], features=o["features"], width=o["width"], feature_scale=o["featureScale"],
        projection=o["projection"], seed=o["seed"])
    return order, list(layers)


def measures(layer):
    return {k: layer["metrics"][k] for k in ("nc1", "nc2", "accuracy", "meanSquaredError")}


def tiny(kernel, features):
    return tiny_run(kernel, features, *tiny_data(), 4)


def present(kernel, features):
    """The same with an output for each class that has samples, as a run has them: classes are the distinct labels."""
    x, y, test_x, test_y = tiny_data()
    names, numbers = np.unique(y, return_inverse=True)
    golden = tiny_run(kernel, features, x, numbers, test_x, np.searchsorted(names, test_y), len(names))
    golden["input"].update(trainY=y, testY=test_y)
    return golden


def tiny_run(kernel, features, x, y, test_x, test_y, classes):
    o = options(kernel, features, width=7, classes=classes)
    order, layers = run(x, y, test_x, test_y, classes, o)
    names = {"x": "X", "testX": "T", "kernel": "k", "coefficients": "A", "predictions": "f", "testPredictions": "f_test",
             "agopUnscaled": "raw_agop", "agop": "agop", "root": "root", "weights": "W", "phases": "u",
             "projected": "projected", "mapped": "mapped"}
    return dict(
        options=o, input=dict(trainX=x, trainY=y, testX=test_x, testY=test_y), order=order, labels=y[order],
        mean=layers[0]["mean"], scale=layers[0]["scale"],
        layers=[dict(layer=n + 1, **{k: layer[v] for k, v in names.items()}, **measures(layer))
                for n, layer in enumerate(layers)])


def entries(matrix):
    """Eight entries spread over the matrix, as [row, column, value]."""
    rows, columns = matrix.shape
    return [[int(i), int(j), matrix[i, j]] for i, j in
            ((t * (rows - 1) // 7, (t * 37 + 5) % columns) for t in range(8))]


def summary(matrix):
    return dict(frobenius=np.linalg.norm(matrix), entries=entries(matrix))


def digits(kernel, features):
    x, y = datasets.digits()
    o = options(kernel, features, width=64, classes=10, samples=300, testSamples=200)
    order, layers = run(x[:300], y[:300], x[300:500], y[300:500], 10, o)
    names = {"x": "X", "coefficients": "A", "agop": "agop", "root": "root", "weights": "W", "mapped": "mapped"}
    return dict(
        options=o, rawSum=x[:300].sum(), order=order, labels=y[order], mean=layers[0]["mean"], scale=layers[0]["scale"],
        layers=[dict(layer=n + 1, **measures(layer), agopTrace=np.trace(layer["agop"]),
                     agopLargest=layer["raw_agop"].max(), **{k: summary(layer[v]) for k, v in names.items()})
                for n, layer in enumerate(layers)])


def differences(new, old, path=""):
    """Largest difference of numbers, relative to the largest entry of their innermost list's block."""
    if isinstance(new, dict):
        return max((differences(new[k], old[k], f"{path}/{k}") for k in new), default=(0, path))
    if isinstance(new, list) and new and isinstance(new[0], dict):
        return max(differences(a, b, f"{path}/{n}") for n, (a, b) in enumerate(zip(new, old)))
    if new is None or isinstance(new, str):
        return (float(new != old), path)
    a, b = np.asarray(new, float), np.asarray(old, float)
    return (np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), 1e-300), path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    files = {"random.json": random_numbers()}
    for kernel in KERNELS:
        for features in FEATURES:
            files[f"tiny-{kernel}-{features}.json"] = tiny(kernel, features)
            files[f"present-{kernel}-{features}.json"] = present(kernel, features)
            files[f"digits-{kernel}-{features}.json"] = digits(kernel, features)
        for task in ("classes", "values"):
            files[f"rfm-{kernel}-{task}.json"] = plain.golden(kernel, task)
    worst = 0
    for name, content in files.items():
        path, content = os.path.join(HERE, name), lists(content)
        if check:
            with open(path) as file:
                error, where = differences(content, json.load(file))
            worst = max(worst, error)
            print(f"{name:32s} largest difference {error:.1e} at {where}")
        else:
            with open(path, "w") as file:
                json.dump(content, file, indent=None, separators=(",", ":"))
                file.write("\n")
            print(f"{name:32s} {os.path.getsize(path):7d} bytes")
    sys.exit(worst > 1e-8)


if __name__ == "__main__":
    main()
