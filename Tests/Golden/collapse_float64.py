"""Measures of collapse, an independent program in float64 (docs/collapse.md has the definitions).

    python collapse_float64.py                       writes collapse.json: small cases and what they measure
    python collapse_float64.py --check               computes it again and compares
    python collapse_float64.py --features x.npy --labels y.npy [--weights w.npy --bias b.npy --activation relu]
        [--outputs o.npy] [--agop m.npy | --gradients g.npy] [--test-features x.npy --test-labels y.npy]
                                                     prints one JSON object, as `deeprfm collapse --json` does

Plain and slow: d x d matrices are made, everything is in memory. Only what the activation leaves of rows that are all but equal needs more
than float64: there mpmath, 40 digits.
"""
import argparse
import json
import pathlib
import sys

import mpmath
import numpy as np

mpmath.mp.dps = 40
EPS = np.finfo(np.float64).eps


class SplitMix:
    """Steele, Lea, Flood 2014, as Tests/TestSupport/SplitMix.swift has it."""

    def __init__(self, state):
        self.state = state

    def uniform(self):
        """In [-1, 1), 53 bits."""
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        z ^= z >> 31
        return (z >> 11) * 2.0**-52 - 1

    def matrix(self, rows, columns):
        return np.array([[self.uniform() for _ in range(columns)] for _ in range(rows)]).reshape(rows, columns)


def class_means(x, y, classes):
    """In x86's 80 bits, so that a large offset leaves the digits of differences; two passes: the second mends the first one's rounding."""
    if x.dtype == np.float64:
        x = x.astype(np.longdouble)
    means = np.array([x[y == c].mean(0) for c in classes])
    return means + np.array([(x[y == c] - means[k]).mean(0) for k, c in enumerate(classes)])


def paper(x, y, classes):
    """NC1 and NC2 of arXiv 2402.13728's code."""
    means = class_means(x, y, classes)
    k = len(classes)
    within = sum(((x[y == c] - means[i]) ** 2).sum() - len(x[y == c]) * ((x[y == c] - means[i]).mean(0) ** 2).sum()
                 for i, c in enumerate(classes))
    d = means - means.mean(0)
    if min((d ** 2).sum(1)) == 0:
        return None, None
    nc1 = within / (k * len(x)) / ((d ** 2).sum() / k)
    u = d / np.array([mpmath.sqrt(v) if isinstance(v, mpmath.mpf) else np.sqrt(v) for v in (d ** 2).sum(1)])[:, None]
    s = np.full((k, k), -1 / (k - 1))
    np.fill_diagonal(s, 1)
    return float(nc1), float(((u @ u.T - s) ** 2).mean())


def variances(x, y, classes, means):
    """v_c, corrected."""
    result = []
    for k, c in enumerate(classes):
        z = x[y == c] - means[k]
        result.append(((z ** 2).sum(1).mean() - (z.mean(0) ** 2).sum()))
    return np.array(result, dtype=np.float64)


def pseudoinverse(x, y, classes, means):
    k, d = len(classes), x.shape[1]
    deviations = means - means.mean(0)
    deviations = deviations.astype(np.float64)
    values, vectors = np.linalg.eigh(deviations.T @ deviations / k)
    count = min(k - 1, d)
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    if values[-1] < k * EPS * values[0]:
        return None
    trace = np.zeros(count)
    for i, c in enumerate(classes):
        p = (x[y == c] - means[i]).astype(np.float64) @ vectors
        trace += (p ** 2).sum(0) - len(p) * p.mean(0) ** 2
    return float((trace / values).sum() / len(x) / k)


def activate(name, h):
    if name == "relu":
        return np.where(h > 0, h, h * 0)
    if name == "leaky-relu":
        return np.where(h > 0, h, h * mpmath.mpf("0.01"))
    if name == "quadratic":
        return h * h
    each = {"tanh": mpmath.tanh, "gelu": lambda v: v * mpmath.ncdf(v)}[name]
    return np.vectorize(each, otypes=[object])(h)


def exact(a):
    return np.vectorize(mpmath.mpf, otypes=[object])(a)


def decomposition(x, y, classes, w, bias, activation):
    # 80 bits are enough for what is linear in differences.
    h = exact(x) @ exact(w.T) if activation else (x - x[0].astype(np.longdouble)) @ w.T.astype(np.longdouble)
    nc1, nc2 = {}, {}
    nc1["input"], nc2["input"] = paper(x, y, classes)
    # S V^T x, whose distances are those of W x.
    nc1["right"], nc2["right"] = paper(h, y, classes)
    if activation:
        nc1["output"], nc2["output"] = paper(activate(activation, h + (exact(bias) if bias is not None else 0)), y, classes)
    return {"nc1": nc1, "nc2": nc2}


def pearson(a, b):
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def features(w, agop):
    values, vectors = np.linalg.eigh(agop)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return {"agop": pearson(w.T @ w, agop), "root": pearson(w.T @ w, root)}


def agreement(x, means, scores):
    distances = np.stack([((x - m) ** 2).sum(1) for m in means], 1)
    return float((scores.argmax(1) == distances.argmin(1)).mean())


def measure(x, y, w=None, bias=None, activation=None, outputs=None, agop=None, gradients=None, training=None):
    """Everything, as one dictionary; `training`: the training rows' means, for nc4 of test rows."""
    x = x.astype(np.float64)
    classes, counts = np.unique(y, return_counts=True)
    n, k = len(x), len(classes)
    means = class_means(x, y, classes)
    d = (means - means.mean(0)).astype(np.float64)
    v = variances(x, y, classes, means)
    within, between = (v * counts).sum() / n, (d ** 2).sum() / k
    norms = np.sqrt((d ** 2).sum(1))
    gram = d @ d.T
    cosines = (gram / np.outer(norms, norms))[~np.eye(k, dtype=bool)]
    pairs = [(v[a] + v[b]) / (2 * ((d[a] - d[b]) ** 2).sum()) for a in range(k) for b in range(a)]
    simplex = (np.eye(k) - 1 / k) / np.sqrt(k - 1)
    nc1, nc2 = paper(x, y, classes)
    result = {
        "samples": n, "width": x.shape[1], "classes": k, "smallestClass": int(counts.min()), "largestClass": int(counts.max()),
        "nc1": {"paper": nc1, "traceQuotient": float(within / between), "pseudoinverse": pseudoinverse(x, y, classes, means),
                "cdnv": float(np.mean(pairs))},
        "nc2": {"paper": nc2, "frobenius": float(np.linalg.norm(gram / np.linalg.norm(gram) - simplex)),
                "normVariation": float(norms.std() / norms.mean()),
                "cosineDeviation": float(np.abs(cosines + 1 / (k - 1)).mean()), "cosineSpread": float(cosines.std())},
    }
    if w is not None and len(w) == k:
        result["nc3"] = {"selfDuality": float(np.linalg.norm(w / np.linalg.norm(w) - d / np.linalg.norm(d)))}
    if outputs is None and w is not None and len(w) == k:
        outputs = x @ w.T + (bias if bias is not None else 0)
    if outputs is not None:
        result["nc4"] = {"nearestCentreAgreement": agreement(x, means if training is None else training, outputs)}
    if gradients is not None:
        g = gradients.reshape(-1, x.shape[1]).astype(np.float64)
        agop = g.T @ g
    if agop is not None:
        result["nfa"] = features(w, agop)
    if w is not None:
        result["decomposition"] = decomposition(x, y, classes, w, bias, activation)
    return result, means


# The golden file: cases that the tests make again from their numbers.

CASES = [
    {"name": "random", "seed": 1, "counts": [20, 20, 20, 20, 20], "width": 9, "noise": 1.0, "offset": 0.0, "activation": "relu"},
    {"name": "collapsed", "seed": 2, "counts": [11, 11, 11], "width": 8, "noise": 1e-12, "offset": 0.0, "activation": "relu"},
    {"name": "collapsed, gelu", "seed": 3, "counts": [9, 10, 11], "width": 6, "noise": 1e-9, "offset": 1.0, "activation": "gelu"},
    {"name": "imbalanced", "seed": 4, "counts": [1, 3, 40, 7], "width": 6, "noise": 0.5, "offset": 3.0, "activation": "tanh"},
    {"name": "two classes", "seed": 5, "counts": [13, 8], "width": 5, "noise": 0.3, "offset": 0.0, "activation": "quadratic"},
    {"name": "a hundred classes", "seed": 6, "counts": [2, 3] * 50, "width": 120, "noise": 0.1, "offset": 0.0, "activation": None},
    {"name": "few dimensions", "seed": 7, "counts": [6] * 8, "width": 3, "noise": 0.2, "offset": 0.0, "activation": "leaky-relu"},
    {"name": "far away", "seed": 8, "counts": [8, 9, 10], "width": 7, "noise": 1e-3, "offset": 1e6, "activation": None},
    {"name": "float32", "seed": 9, "counts": [15, 25, 20], "width": 10, "noise": 1e-5, "offset": 0.0, "activation": "relu"},
]


def make(case):
    """Rows shuffled by a stride, labels, weights, gradients: all from one stream, in this order."""
    random = SplitMix(case["seed"])
    counts, width = case["counts"], case["width"]
    k, n = len(counts), sum(counts)
    means = random.matrix(k, width)
    noise = random.matrix(n, width)
    sorted_labels = np.repeat(np.arange(k), counts)
    step = next(s for s in range(n // 2 + 1, 2 * n) if np.gcd(s, n) == 1)
    order = np.arange(n) * step % n
    y = sorted_labels[order]
    x = np.empty((n, width))
    for i in range(n):
        x[i] = (means[y[i]] + case["offset"]) + noise[i] * case["noise"]
    if case["name"] == "float32":
        x = x.astype(np.float32).astype(np.float64)
    test_noise = random.matrix(n, width)
    test = np.empty((n, width))
    for i in range(n):
        test[i] = (means[y[i]] + case["offset"]) + test_noise[i] * (2 * case["noise"])
    w = random.matrix(k, width)
    bias = random.matrix(1, k)[0]
    gradients = random.matrix(2 * n, width)
    return x, y, test, w, bias, gradients


def golden():
    cases = []
    for case in CASES:
        x, y, test, w, bias, gradients = make(case)
        measured, means = measure(x, y, w, bias, case["activation"], gradients=gradients)
        tested, _ = measure(test, y, w, bias, case["activation"], training=means)
        cases.append({**case, "expected": measured, "test": tested})
    return cases


def difference(a, b):
    """The largest relative difference of two JSON values."""
    if isinstance(a, dict):
        return max(difference(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return max((difference(p, q) for p, q in zip(a, b)), default=0)
    if a is None or b is None or isinstance(a, str):
        return 0 if a == b else float("inf")
    return abs(a - b) / max(abs(a), abs(b), 1e-300)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    for name in "features labels weights bias outputs agop gradients test-features test-labels".split():
        parser.add_argument("--" + name)
    parser.add_argument("--activation")
    options = parser.parse_args()
    path = pathlib.Path(__file__).parent / "collapse.json"
    if options.features:
        given = {name: np.load(value) for name, value in vars(options).items() if isinstance(value, str) and value.endswith(".npy")}
        w, b = given.get("weights"), given.get("bias")
        w, b = (a if a is None else a.astype(np.float64) for a in (w, b))
        result, means = measure(given["features"], given["labels"], w, b, options.activation, given.get("outputs"), given.get("agop"),
                                given.get("gradients"))
        if options.test_features:
            result["test"], _ = measure(given["test_features"], given["test_labels"], w, b, options.activation, training=means)
        print(json.dumps(result))
    elif options.check:
        worst = difference(golden(), json.loads(path.read_text()))
        print("largest relative difference:", worst)
        sys.exit(worst > 1e-11)
    else:
        path.write_text(json.dumps(golden(), indent=1) + "\n")


if __name__ == "__main__":
    main()
