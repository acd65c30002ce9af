#!/usr/bin/env python3
"""Times the paper's released code on CPU, layer by layer, one JSON object a line.

The code itself is not here: --paper is a checkout of dmbeaglehole/neural_collapse_rfm, --rfm one of
aradha/recursive_feature_machines, branch pip_install. Of the paper's deep_rfm.py the functions are taken and the loop
over layers is run as it stands there, but on CPU, without test samples, and with one fit a layer where RFM's fit() does
two. What only plots, scores or needs a GPU is replaced by empty modules. A checkout that lacks a piece ends with status 3.

    paper_layers.py --paper DIR --rfm DIR --dataset cifar10 --data DIR --samples 4000 --layers 2 --threads 2
"""
import argparse
import ast
import gzip
import json
import os
import resource
import sys
import time
import types

import numpy as np

MISSING = 3


def missing(what):
    print(what, file=sys.stderr)
    sys.exit(MISSING)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--paper", required=True)
    parser.add_argument("--rfm", required=True)
    parser.add_argument("--dataset", choices=["cifar10", "mnist", "npy"], required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--bandwidth", type=float, default=2.0)
    parser.add_argument("--batch", type=int, default=1000, help="rows of a batch of the AGOP")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


# --- The data, as the training files have it ---


def read(folder, name, count):
    """The first `count` bytes of a file, .gz or not."""
    for path, opener in ((os.path.join(folder, name), open), (os.path.join(folder, name + ".gz"), gzip.open)):
        if os.path.exists(path):
            with opener(path, "rb") as file:
                return np.frombuffer(file.read(count), dtype=np.uint8)
    missing(f"{folder} has no {name}")


def cifar10(folder, samples):
    rows = []
    for batch in range(1, 6):
        wanted = samples - sum(map(len, rows))
        if wanted > 0:
            rows.append(read(folder, f"data_batch_{batch}.bin", 3073 * min(wanted, 10_000)).reshape(-1, 3073))
    rows = np.concatenate(rows)
    return rows[:, 1:].astype(np.float32) / 255, rows[:, 0].astype(np.int64)


def mnist(folder, samples):
    images = read(folder, "train-images-idx3-ubyte", 16 + 784 * samples)[16:].reshape(-1, 784)
    labels = read(folder, "train-labels-idx1-ubyte", 8 + samples)[8:]
    return images.astype(np.float32) / 255, labels.astype(np.int64)


def npy(folder, samples):
    x, y = (np.load(os.path.join(folder, name))[:samples] for name in ("train_x.npy", "train_y.npy"))
    return x.astype(np.float32), y.astype(np.int64)


# --- The paper's code ---


def stub(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


def load_rfm(checkout):
    """The rfm package, without its plotting, scoring and EigenPro."""
    package = os.path.join(checkout, "rfm")
    if not os.path.exists(os.path.join(package, "recursive_feature_machine.py")):
        missing(f"{checkout} has no rfm/recursive_feature_machine.py: the branch is pip_install")
    stub("hickle")
    stub("tqdm", tqdm=lambda items, **_: items)
    stub("tqdm.contrib", tenumerate=enumerate)
    stub("torchmetrics")
    stub("torchmetrics.functional")
    stub("torchmetrics.functional.classification", accuracy=None)
    stub("rfm", __path__=[package])
    stub("rfm.eigenpro", KernelModel=None)
    import importlib

    return importlib.import_module("rfm.recursive_feature_machine")


def load_functions(checkout, **names):
    """Functions and classes of deep_rfm.py, whose top level is the experiment itself."""
    path = os.path.join(checkout, "deep_rfm.py")
    if not os.path.exists(path):
        missing(f"{checkout} has no deep_rfm.py")
    with open(path) as file:
        tree = ast.parse(file.read(), path)
    tree.body = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    exec(compile(tree, path, "exec"), names)
    wanted = ("preprocess", "matrix_sqrt", "sample_feats", "get_class_variance")
    for name in wanted:
        if name not in names:
            missing(f"{path} has no function {name}")
    return types.SimpleNamespace(**{name: names[name] for name in wanted})


def main():
    args = parse()
    try:
        import torch
    except ImportError:
        missing(f"{sys.executable} has no PyTorch")
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rfm = load_rfm(args.rfm)
    x, labels = {"cifar10": cifar10, "mnist": mnist, "npy": npy}[args.dataset](args.data, args.samples)
    classes = int(labels.max()) + 1
    paper = load_functions(args.paper, torch=torch, nn=torch.nn, np=np, NUM_CLASSES=classes, n=len(x))

    # Sorted by class, labels -1 and +1, features standardised.
    order = np.argsort(labels, kind="stable")
    y = 2 * torch.nn.functional.one_hot(torch.from_numpy(labels[order]), classes).float() - 1
    x = paper.preprocess(torch.from_numpy(x[order]))

    for layer in range(1, args.layers + 1):
        start = time.perf_counter()
        x /= x.norm(dim=-1).unsqueeze(1)
        model = rfm.LaplaceRFM(bandwidth=args.bandwidth, device="cpu")
        model.fit_using_eigenpro = False
        before = time.perf_counter()
        model.fit_predictor(x, y)
        fitted = time.perf_counter()
        model.fit_M(x, y, verbose=False, M_batch_size=args.batch, total_points_to_sample=len(x))
        agop = time.perf_counter()
        root = paper.matrix_sqrt(model.M)
        with torch.no_grad():
            following = paper.sample_feats(root, x.shape[1], args.width)(x)
        end = time.perf_counter()
        # Outside the time: what tells that both programs computed the same.
        between, within, _, _ = paper.get_class_variance(x, y)
        print(
            json.dumps(
                {
                    "layer": layer,
                    "inputWidth": x.shape[1],
                    "fit": fitted - before,
                    "agop": agop - fitted,
                    "total": end - start,
                    "nc1": (within.trace() / between.trace()).item(),
                    "peakMemoryBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                }
            ),
            flush=True,
        )
        x = following


main()
