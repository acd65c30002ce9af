#!/usr/bin/env python3
"""Compares NC1 and NC2, layer by layer, of two run directories or of a run and a reference table. Exit 1 over a bound.

    compare_runs.py RUN_A RUN_B --nc1 1e-3 --nc2 1e-3 --layers 1-3
    compare_runs.py RUN_A RUN_B --bound 1-15:0.03:0.10 --bound 16-20:0.20:0.40
    compare_runs.py RUN --reference CSV --column float64_seed0 --bound 1-1:1e-3:1e-3:relative --bound 2-10:0.2:0.4

--bound FIRST-LAST:NC1:NC2[:relative|decades], repeatable. Two runs differ by |a - b| / |b| (relative); a run and a
reference by |log10(a / b)| (decades) unless the bound says otherwise. --column NAME reads nc1_NAME and nc2_NAME (nc1_NAME
is taken too). Without bounds the differences are only printed.
"""

import argparse
import csv
import json
import math
import os
import sys


def read_run(folder):
    """{layer: metrics}"""
    with open(os.path.join(folder, "metrics.jsonl")) as file:
        return {m["layer"]: m for m in map(json.loads, filter(str.strip, file))}


def read_reference(path, column):
    """{layer: metrics}: NC1 and NC2 of the layer's input."""
    name = column.removeprefix("nc1_").removeprefix("nc2_")
    with open(path, newline="") as file:
        return {int(row["layer"]): {"nc1": {"input": float(row["nc1_" + name])}, "nc2": {"input": float(row["nc2_" + name])}}
                for row in csv.DictReader(file)}


def difference(a, b, unit):
    missing = [x is None or math.isnan(x) for x in (a, b)]  # one class only: undefined
    if any(missing):
        return 0.0 if all(missing) else math.inf
    if unit == "relative":
        return abs(a - b) / abs(b) if b else abs(a)
    return abs(math.log10(a / b)) if a > 0 and b > 0 else math.inf


def layer_range(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def bounds_of(arguments, unit):
    """[(layers, {"nc1": bound, "nc2": bound}, unit)]"""
    bounds = []
    for text in arguments.bound:
        layers, nc1, nc2, *other = text.split(":")
        bounds.append((layer_range(layers), {"nc1": float(nc1), "nc2": float(nc2)}, other[0] if other else unit))
    if arguments.nc1 is not None or arguments.nc2 is not None:
        layers = layer_range(arguments.layers) if arguments.layers else range(1, 10_000)
        bounds.append((layers, {"nc1": arguments.nc1 or math.inf, "nc2": arguments.nc2 or math.inf}, unit))
    return bounds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN_A")
    parser.add_argument("other", metavar="RUN_B", nargs="?")
    parser.add_argument("--reference", metavar="CSV")
    parser.add_argument("--column", default="float64_seed0")
    parser.add_argument("--bound", action="append", default=[], metavar="FIRST-LAST:NC1:NC2[:UNIT]")
    parser.add_argument("--nc1", type=float)
    parser.add_argument("--nc2", type=float)
    parser.add_argument("--layers", metavar="FIRST-LAST", help="layers that --nc1 and --nc2 bind (all)")
    arguments = parser.parse_args()
    if (arguments.other is None) == (arguments.reference is None):
        parser.error("give a second run or --reference")

    a = read_run(arguments.run)
    b = read_run(arguments.other) if arguments.other else read_reference(arguments.reference, arguments.column)
    unit = "relative" if arguments.other else "decades"
    bounds = bounds_of(arguments, unit)
    compared = sorted(set(a) & set(b))
    missing = {n for layers, _, _ in bounds for n in layers if n <= 9_000 and n not in compared} if arguments.bound else set()
    places = ("input", "projected", "mapped") if arguments.other else ("input",)
    failures = 0
    print(f"layer place     {'nc1':>12s} {'other':>12s} {unit:>9s}  {'nc2':>12s} {'other':>12s} {unit:>9s}")
    for layer in compared:
        for place in places:
            line, notes = f"{layer:5d} {place:9s}", []
            for name in ("nc1", "nc2"):
                x, y = a[layer][name][place], b[layer][name][place]
                line += f" {x:12.5e} {y:12.5e} {difference(x, y, unit):9.2e} " if None not in (x, y) else f" {x} {y} "
                for layers, limit, how in bounds:
                    if layer in layers and not difference(x, y, how) <= limit[name]:
                        notes.append(f"{name} over {limit[name]:g} ({how})")
            failures += len(notes)
            print(line + ("  FAIL " + ", ".join(notes) if notes else ""))
    if missing:
        print("layers bound but absent:", sorted(missing))
    print("no bounds given" if not bounds else "within bounds" if not failures and not missing else f"{failures} over bounds")
    sys.exit(failures > 0 or bool(missing))


if __name__ == "__main__":
    main()
