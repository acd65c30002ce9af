#!/usr/bin/env python3
"""Checks of the reference itself: random numbers against known answers, gradients against finite differences, the
AGOP's two formulas against the plain double loop, distances of collapsed data against long double. Exit 1 on failure."""

import sys

import numpy as np

import deep_rfm_float64 as rfm
import random_stream

failures = 0


def check(what, error, bound):
    global failures
    failures += not error <= bound
    print(f"{'ok  ' if error <= bound else 'FAIL'} {what:62s} {error:.1e} (bound {bound:.0e})")


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def random_numbers():
    for counter, key, answer in random_stream.KNOWN_ANSWERS:
        got = [int(w) for w in random_stream.philox(counter, key)]
        check(f"philox4x32-10 of counter {counter[0]:x}…", float(got != list(answer)), 0)
    draw = random_stream.uniform(1, "weights", 1, range(300), range(300))
    check("uniform: mean", abs(draw.mean() - 0.5), 4e-3)
    check("uniform: kurtosis of the centred draw", abs(((draw - 0.5) ** 4).mean() - 1 / 80), 3e-4)
    z = random_stream.normal(1, "probe", 1, range(300), range(300))
    check("normal: mean, variance, fourth moment",
          max(abs(z.mean()), abs(z.var() - 1), abs((z**4).mean() - 3) / 5), 2e-2)


def problem(N=24, d=6, K=3, seed=0, spread=1.0):
    """N unit rows in K classes; sample 1 repeats sample 0 (same class), the last repeats the first of class 0."""
    rng = np.random.default_rng(seed)
    y = np.sort(np.arange(N) % K)
    X = rng.standard_normal((K, d))[y] + spread * rng.standard_normal((N, d))
    X[1] = X[0]
    X[-1] = X[0]
    return rfm.unit_rows(X), y


def gradients(kernel):
    """AGOP of central differences of f; the coincident point's cone is even, so it drops out of the difference."""
    X, y = problem()
    Y = rfm.targets(y, 3)
    D = rfm.all_distances(X, y)
    A = rfm.solve(rfm.kernel_value(D, kernel, 2.0), Y, 1e-1)
    step = 1e-5
    M = np.zeros((6, 6))
    for x in X:
        moves = step * np.eye(6)
        f = [rfm.predict(x + move, X, y, A, kernel, 2.0) for move in (moves, -moves)]
        G = (f[0] - f[1]) / (2 * step)  # d x K
        M += G @ G.T
    H = rfm.gradient_weight(D, kernel, 2.0)
    check(f"{kernel}: AGOP against finite differences", relative(rfm.agop_by_class(X, y, A, H), M), 1e-8)


def formulas(kernel, spread):
    X, y = problem(spread=spread)
    D = rfm.all_distances(X, y)
    A = rfm.solve(rfm.kernel_value(D, kernel, 2.0), rfm.targets(y, 3), 1e-3)
    H = rfm.gradient_weight(D, kernel, 2.0)
    plain = rfm.agop_plain(X, A, kernel, 2.0)
    what = f"{kernel}, spread {spread:.0e}: AGOP"
    check(f"{what} by class against the double loop", relative(rfm.agop_by_class(X, y, A, H), plain), 1e-12)
    check(f"{what} by Gram against the double loop", relative(rfm.agop_by_gram(X, A, H), plain), 1e-10 / spread**2)
    R = rfm.symmetric_root(rfm.over_largest_entry(plain))
    check(f"{what} root squared", relative(R @ R, rfm.over_largest_entry(plain)), 1e-13)


def close_points(spread):
    X, y = problem(N=60, d=20, spread=spread)
    exact = np.sqrt(((X[:, None].astype(np.longdouble) - X[None]) ** 2).sum(axis=2)).astype(np.float64)
    D = rfm.all_distances(X, y)
    apart = exact > 0
    check(f"distances of rows {spread:.0e} apart", np.max(np.abs(D[apart] / exact[apart] - 1)), 1e-11 + 1e-16 / spread)
    check(f"distances of equal rows", D[~apart].max(), 0)


def duplicates_and_constants():
    raw = np.array([[0.3, 1.0, 2.0], [0.3, 2.0, 2.0], [0.3, 3.0, 5.0], [0.3, 2.0, 3.0]])
    mean, scale, Z = rfm.standardise(raw)
    check("constant feature becomes 0", np.abs(Z[:, 0]).max(), 0)
    check("unbiased deviation", abs(Z[:, 1].var(ddof=1) - 1), 1e-15)
    check("row at the mean stays zero", np.abs(rfm.unit_rows(Z)[3]).max(), 0)


random_numbers()
duplicates_and_constants()
for distance in (1.0, 1e-3, 1e-6):
    close_points(distance)
for name in ("laplace", "gaussian"):
    gradients(name)
    for distance in (1.0, 1e-3):
        formulas(name, distance)
sys.exit(failures > 0)
