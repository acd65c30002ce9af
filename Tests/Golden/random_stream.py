"""Random numbers that depend on (seed, purpose, layer, row, column) alone: Philox4x32-10
(Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).

Key: the seed's low and high 32 bits. Counter: (column, row, layer, purpose).
The specification is Sources/LinearAlgebra/RandomStream.swift; this is its independent implementation.
"""

import numpy as np

PURPOSE = {"weights": 1, "phases": 2, "projection": 3, "pivots": 4, "synthetic": 5, "probe": 6}
LOW = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)


def philox(counter, key):
    """Ten rounds of Philox4x32. counter: four arrays, key: two numbers; returns four uint64 arrays of 32-bit words."""
    c0, c1, c2, c3 = (np.asarray(c, dtype=np.uint64) & LOW for c in counter)
    k0, k1 = int(key[0]), int(key[1])
    for _ in range(10):
        p0 = np.uint64(0xD2511F53) * c0
        p1 = np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (
            (p1 >> SHIFT) ^ c1 ^ np.uint64(k0), p1 & LOW,
            (p0 >> SHIFT) ^ c3 ^ np.uint64(k1), p0 & LOW,
        )
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def words(seed, purpose, layer, rows, columns):
    """Four words for every entry of the grid rows x columns."""
    row, column = np.meshgrid(np.asarray(rows), np.asarray(columns), indexing="ij")
    counter = (column, row, np.full_like(row, layer), np.full_like(row, PURPOSE[purpose]))
    return philox(counter, (seed & 0xFFFFFFFF, seed >> 32))


def fraction(high, low):
    """27 high bits of one word and 26 of the next, as an integer below 2^53 (exact in float64)."""
    return (high >> np.uint64(5)).astype(np.float64) * 2.0**26 + (low >> np.uint64(6)).astype(np.float64)


def uniform(seed, purpose, layer, rows, columns):
    """Uniform in [0, 1), rows x columns."""
    a, b, _, _ = words(seed, purpose, layer, rows, columns)
    return fraction(a, b) / 2.0**53


def normal(seed, purpose, layer, rows, columns):
    """Standard normal (Box and Muller), rows x columns."""
    a, b, c, d = words(seed, purpose, layer, rows, columns)
    radius = np.sqrt(-2 * np.log((fraction(a, b) + 0.5) / 2.0**53))
    return radius * np.cos(2 * np.pi * fraction(c, d) / 2.0**53)


# Known answers of the Random123 distribution (kat_vectors, philox4x32 10): counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]
