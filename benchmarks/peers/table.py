#!/usr/bin/env python3
"""Makes the table of `compare` from both programs' lines: table.py DATASET SAMPLES THREADS FOLDER."""
import glob
import json
import os
import statistics
import sys


def runs(folder, name):
    """One list of layers a run."""
    paths = sorted(glob.glob(os.path.join(folder, name + "-*.jsonl")))
    return [[json.loads(line) for line in open(path)] for path in paths]


def ours(line):
    seconds = line["seconds"]
    return {
        "layer": line["layer"],
        "inputWidth": line["inputWidth"],
        "fit": seconds["kernel"] + seconds["preconditioner"] + seconds["solve"],
        "agop": seconds["agop"],
        # The paper's code measures nothing inside its layer.
        "total": seconds["total"] - seconds["metrics"],
        "nc1": line["nc1"]["input"],
        "peakMemoryBytes": line["peakMemoryBytes"] * line["ranks"],
    }


def median(lines, key):
    return statistics.median(line[key] for line in lines)


def main():
    dataset, samples, threads, folder = sys.argv[1:]
    paper = runs(folder, "paper")
    own = [[ours(line) for line in run] for run in runs(folder, "ours")]
    print(f"# The paper's released code beside ours: {dataset}, N = {samples}, {threads} threads, float32\n")
    print("Seconds, paper / ours (how often as fast); a fit of the paper's is a dense solve, ours is iterated to 1e-4.\n")
    print("| layer | d | fit | AGOP | whole layer | NC1 of the input |")
    print("|---|---|---|---|---|---|")
    for layers in zip(zip(*paper), zip(*own)):
        cells = [str(layers[0][0]["layer"]), str(layers[0][0]["inputWidth"])]
        for key in ("fit", "agop", "total"):
            a, b = (median(lines, key) for lines in layers)
            cells.append(f"{a:.2f} / {b:.2f} ({a / b:.1f}x)")
        a, b = (median(lines, "nc1") for lines in layers)
        cells.append(f"{a:.4g} / {b:.4g}")
        print("| " + " | ".join(cells) + " |")
    peaks = [max(line["peakMemoryBytes"] for run in program for line in run) / 1e9 for program in (paper, own)]
    print(f"\nPeak memory: paper {peaks[0]:.2f} GB, ours {peaks[1]:.2f} GB.")


main()
