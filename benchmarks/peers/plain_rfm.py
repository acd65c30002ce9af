"""`deeprfm train --model rfm` beside the xrfm package's RFM (github.com/dmbeaglehole/xRFM) on the same table, in turn.

    python benchmarks/peers/plain_rfm.py --data FOLDER --target NAME [--samples N --iterations 1 --bandwidth 10 --ridge 1e-3] [--ranks 2]

FOLDER has train.csv and test.csv; the target is a column of numbers. Needs xrfm, torch (CPU), pandas and numpy. The package gets the arrays that
ours makes of the table: numbers and one-hot categories, standardised by the training rows. Both use the Laplace kernel of the Euclidean distance in
float32; the package solves directly, and its iterations are our layers but one. Choosing by validation is off in both. Prints test RMSE and seconds:
of fitting alone for the package, of the whole program for ours.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HOME = pathlib.Path(__file__).resolve().parents[2]


def arrays(folder, target, samples):
    """Rows and targets of both files, standardised; the target's deviation."""
    import numpy as np
    import pandas as pd
    train, test = pd.read_csv(f"{folder}/train.csv")[:samples], pd.read_csv(f"{folder}/test.csv")
    y, t = train.pop(target).to_numpy(float), test.pop(target).to_numpy(float)
    columns = [[], []]
    for name in train:
        for part, frame in zip(columns, (train, test)):
            if not pd.api.types.is_numeric_dtype(train[name]):
                part += [(frame[name] == value).to_numpy(float) for value in sorted(train[name].unique())]
            else:
                part.append(frame[name].to_numpy(float))
    x, e = (np.stack(part, 1) for part in columns)
    mean, deviation = x.mean(0), x.std(0, ddof=1)
    deviation[deviation == 0] = np.inf
    scale = y.std(ddof=1)
    return (x - mean) / deviation, (y - y.mean()) / scale, (e - mean) / deviation, (t - y.mean()) / scale, scale


def package(options):
    """In a process of its own: one JSON object."""
    import torch
    from xrfm.rfm_src.recursive_feature_machine import RFM
    torch.set_num_threads(options.threads)
    x, y, e, t, scale = arrays(options.data, options.target, options.samples)
    x, e = torch.tensor(x, dtype=torch.float32), torch.tensor(e, dtype=torch.float32)
    y, t = torch.tensor(y, dtype=torch.float32)[:, None], torch.tensor(t, dtype=torch.float32)[:, None]
    model = RFM("l2", iters=options.iterations, bandwidth=options.bandwidth, device="cpu", verbose=False, tuning_metric="mse")
    start = time.monotonic()
    # It measures a validation set on the way, which decides nothing here: a small one.
    model.fit((x, y), (e[:500], t[:500]), reg=options.ridge, iters=options.iterations, return_best_params=False, early_stop_rfm=False, verbose=False)
    seconds = time.monotonic() - start
    rmse = float(((model.predict(e) - t) ** 2).mean().sqrt()) * scale
    print(json.dumps({"seconds": seconds, "rmse": rmse, "samples": len(x), "width": x.shape[1]}))


def ours(options, folder):
    command = [HOME / "launch/run", "-n", str(options.ranks), "--threads", str(options.threads // options.ranks), "train", "--dataset", "csv",
               "--data", options.data, "--target", options.target, "--model", "rfm", "--layers", str(options.iterations + 1), "--bandwidth",
               str(options.bandwidth), "--ridge", str(options.ridge), "--output", folder, "--quiet"]
    if options.samples:
        command += ["--samples", str(options.samples)]
    start = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    last = json.loads(pathlib.Path(folder, "metrics.jsonl").read_text().splitlines()[-1])
    return {"seconds": seconds, "rmse": last["rmse"]["test"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--iterations", type=int, default=1)
    parser.add_argument("--bandwidth", type=float, default=10)
    parser.add_argument("--ridge", type=float, default=1e-3)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each program")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--package-alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.package_alone:
        return package(options)
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            a = ours(options, f"{folder}/run")
        words = [sys.executable, __file__, *sys.argv[1:], "--package-alone", "--threads", str(options.threads)]
        b = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
        print(f"round {number + 1}: {b['samples']} rows of {b['width']}; ours {a['seconds']:.1f} s, test RMSE {a['rmse']:.6g}; "
              f"xrfm {b['seconds']:.1f} s, {b['rmse']:.6g}; time ours / xrfm {a['seconds'] / b['seconds']:.2f}, RMSE {a['rmse'] / b['rmse']:.4f}", flush=True)


main()
