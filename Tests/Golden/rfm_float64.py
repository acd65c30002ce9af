#!/usr/bin/env python3
"""The plain Recursive Feature Machine in float64, written plainly: what `--model rfm` is measured against.

Radhakrishnan, Beaglehole, Pandit, Belkin: "Mechanism for feature learning in neural networks and backpropagation-free machine
learning models", Science 383 (2024), arXiv 2212.13881, with the AGOP's square root in place of the AGOP:

    R = I; each layer: U = X R; (k(U, U) + mu I) A = Y; f(x) = k(x R, U) A;
    M = sum over samples and outputs of grad f_c(x_i) grad f_c(x_i)^T, the gradients by x; M over its largest entry; R = M^(1/2).

It shares no line with the Swift program or with deep_rfm_float64.py: distances, kernel and gradients come from all differences of
rows at once, so it is for small N. X is standardised, its rows are as long as they are. Values are centred and scaled by the training
targets' mean and unbiased deviation; classes are +1 and -1.
"""

import numpy as np


def standardised(train, *others):
    """Minus the training mean, over the unbiased training deviation; no feature may be constant."""
    mean, scale = train.mean(axis=0), train.std(axis=0, ddof=1)
    return [(x - mean) / scale for x in (train, *others)]


def one_hot(labels, classes):
    return 2.0 * np.eye(classes)[labels] - 1.0


def differences(a, b):
    """a_i - b_j, (rows of a, rows of b, features)"""
    return a[:, None, :] - b[None, :, :]


def kernel_of(difference, kind, s):
    square = (difference ** 2).sum(axis=2)
    return np.exp(-np.sqrt(square) / s) if kind == "laplace" else np.exp(-square / (2 * s * s))


def gradients(u, a, kind, s):
    """Of f_c at each row u_i, by u: (rows, outputs, features). The term of a row with itself is 0."""
    difference = differences(u, u)
    k = kernel_of(difference, kind, s)
    if kind == "laplace":
        distance = np.sqrt((difference ** 2).sum(axis=2))
        np.fill_diagonal(distance, 1.0)
        assert distance.min() > 1e-9, "rows that coincide are not provided for"
        weight = k / (s * distance)
    else:
        weight = k / (s * s)
    np.fill_diagonal(weight, 0.0)
    return -np.einsum("ij,jc,ijp->icp", weight, a, difference)


def root_of(m):
    values, vectors = np.linalg.eigh(m)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def alignment(k, y):
    """<H K H, H Y Y^T H> / (|H K H| |H Y Y^T H|)"""
    h = np.eye(len(k)) - 1.0 / len(k)
    a, b = h @ k @ h, h @ y @ y.T @ h
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


def plain_rfm(x, y, test_x, *, kind, bandwidth, ridge, layers):
    """x (N, d) and test_x standardised, y (N, K) as it is fitted. Yields each layer's numbers: f at the test rows, M, R, the alignment."""
    root = np.eye(x.shape[1])
    for layer in range(1, layers + 1):
        u = x @ root
        k = kernel_of(differences(u, u), kind, bandwidth)
        a = np.linalg.solve(k + ridge * np.eye(len(x)), y)
        test = kernel_of(differences(test_x @ root, u), kind, bandwidth) @ a
        g = gradients(u, a, kind, bandwidth) @ root
        m = np.einsum("icp,icq->pq", g, g)
        m /= m.max()
        aligned = alignment(k, y)
        root = root_of(m)
        yield dict(layer=layer, testPredictions=test, agop=m, root=root, kernelAlignment=aligned)


def golden(kind, task):
    """80 rows of 6 features of unlike scales, the first 60 train: three classes, or two values of unlike scales."""
    random = np.random.default_rng(31)
    raw = random.standard_normal((80, 6)) * [1, 20, 0.1, 3, 1, 5] + [0, 100, 0, -7, 2, 0]
    z = (raw - [0, 100, 0, -7, 2, 0]) / [1, 20, 0.1, 3, 1, 5]
    signal = np.stack([np.sin(2 * z[:, 0]) + z[:, 1] * z[:, 3], 300 * z[:, 1] - 50 * np.abs(z[:, 4]) + 1000], axis=1)
    train, test = raw[:60], raw[60:]
    x, test_x = standardised(train, test)
    options = dict(kernel=kind, bandwidth=3.0, ridge=0.05, layers=5)
    if task == "classes":
        labels = np.digitize(signal[:, 0], [-0.5, 0.7])
        train_y, test_y, y = labels[:60], labels[60:], one_hot(labels[:60], 3)
    else:
        train_y, test_y = signal[:60], signal[60:]
        y = standardised(train_y)[0]
    layers = list(plain_rfm(x, y, test_x, kind=kind, bandwidth=3.0, ridge=0.05, layers=5))
    return dict(options=options, input=dict(trainX=train, trainY=train_y, testX=test, testY=test_y), x=x, y=y,
                layers=layers)


def self_check():
    """The gradients against finite differences of f; 1 where one is off."""
    random = np.random.default_rng(1)
    x, y = random.standard_normal((12, 3)), random.standard_normal((12, 2))
    root = root_of(np.diag([1.0, 0.3, 0.01]) + 0.05)
    worst = 0.0
    for kind in ("laplace", "gaussian"):
        u = x @ root
        a = np.linalg.solve(kernel_of(differences(u, u), kind, 1.5) + 0.1 * np.eye(12), y)
        g = gradients(u, a, kind, 1.5) @ root
        for i in range(12):
            # Without the row's own term, which has a kink there.
            rest = [j for j in range(12) if j != i]
            for p in range(3):
                step = np.zeros(3)
                step[p] = 1e-5
                f = [kernel_of(differences((x[i] + t * step)[None] @ root, u[rest]), kind, 1.5) @ a[rest] for t in (1, -1)]
                own = 0.0
                if kind == "gaussian":
                    own = [kernel_of(differences((x[i] + t * step)[None] @ root, u[[i]]), kind, 1.5) @ a[[i]] for t in (1, -1)]
                    own = (own[0] - own[1])[0]
                worst = max(worst, np.abs(((f[0] - f[1])[0] + own) / 2e-5 - g[i, :, p]).max())
    print(f"gradients against differences: {worst:.1e}")
    return worst > 1e-8


if __name__ == "__main__":
    raise SystemExit(int(self_check()))
