#!/usr/bin/env python3
"""Checks a finished network's run by PyTorch in float64, from its saved files and the official data alone.

    check_network.py RUN_DIR [--data DIR]

model.safetensors goes into the same network written in PyTorch (torch_networks.py), every name and no other. Then, from all training samples in
evaluating mode:
  loss, accuracy   after the last epoch, of the test samples
  agop.N           of the last weights/NNNN.safetensors against the sum of J^T J, J by autograd; relative, Frobenius
  nfa, nc1, nc2    of the last line of metrics.jsonl, at each hidden fully-connected layer; the root by eigendecomposition, S V^T phi by singular values
Prints the largest relative error of each and exits 1 if one is over its bound.
"""

import argparse
import json
import os
import sys

import numpy as np
import torch
from safetensors.torch import load_file

import datasets
from torch_networks import head, image_shape, network

BOUNDS = {"float32": 2e-3, "float64": 1e-8}


def samples(options, folder, data):
    """Class-sorted training rows with their labels, and test rows with theirs, standardised."""
    order, mean, scale = (data[name].numpy() for name in ("order", "mean", "scale"))
    train, _, test, test_labels = datasets.load(options["dataset"], folder, digits_train=len(order))
    constant = np.isinf(scale)
    standard = lambda x: np.where(constant, 0, (x - mean) / np.where(constant, 1, scale))
    count = options.get("testSamples")
    return standard(train[order]), data["labels"].numpy(), standard(test[:count]), test_labels[:count]


def collapse(rows, labels):
    """The paper's NC1 and NC2."""
    x = rows.reshape(len(rows), -1)
    classes = np.unique(labels)
    means = np.stack([x[labels == c].mean(0) for c in classes])
    scatter = sum(((x[labels == c] - m) ** 2).sum() for c, m in zip(classes, means))
    centred = means - means.mean(0)
    k = len(classes)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    simplex = np.full((k, k), -1 / (k - 1)) + np.eye(k) * (1 + 1 / (k - 1))
    return scatter / (k * len(x)) / ((centred**2).sum() / k), ((unit @ unit.T - simplex) ** 2).mean()


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def root(m):
    values, vectors = np.linalg.eigh(m)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def measure(net, x, labels):
    """Of each hidden fully-connected layer (AGOP, W, NC1 and NC2 of phi, of S V^T phi and of the output); everything at once: for small runs."""
    layers = [head(net).linear(number) for number in range(1, head(net).depth + 1)]
    phi, heights, sums = [[] for _ in layers], [None] * len(layers), [0] * len(layers)

    def watch(place):
        def hook(module, inputs, output):
            phi[place].append(inputs[0].detach().clone())
            heights[place] = output
        return hook

    hooks = [layer.register_forward_hook(watch(place)) for place, layer in enumerate(layers)]
    for rows in torch.split(x, 100):
        outputs = net(rows)
        for c in range(outputs.shape[1]):
            gradients = torch.autograd.grad(outputs[:, c].sum(), heights, retain_graph=True)
            for place, (layer, g) in enumerate(zip(layers, gradients)):
                jacobian = g @ layer.weight.detach()
                sums[place] = sums[place] + jacobian.T @ jacobian
    for hook in hooks:
        hook.remove()
    found = []
    for place, layer in enumerate(layers):
        rows, w = torch.cat(phi[place]), layer.weight.detach()
        _, s, vt = torch.linalg.svd(w, full_matrices=False)
        stages = rows, rows @ (s[:, None] * vt).T, head(net).activation(rows @ w.T)
        found.append((sums[place].numpy(), w.numpy(), [collapse(part.numpy(), labels) for part in stages]))
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--data")
    options = parser.parse_args()
    config = json.load(open(os.path.join(options.run, "config.json")))["options"]
    line = [json.loads(text) for text in open(os.path.join(options.run, "metrics.jsonl"))][-1]
    data = load_file(os.path.join(options.run, "data.safetensors"))
    x, labels, test_x, test_y = samples(config, options.data or config.get("data"), data)
    shape = image_shape(x.shape[1]) if config["architecture"] != "mlp" else (x.shape[1], 1, 1)
    classes = int(labels.max()) + 1
    net = network(config["architecture"], shape, config["width"], config["depth"], classes, config["activation"]).double().eval()
    net.load_state_dict(load_file(os.path.join(options.run, "model.safetensors")), strict=True)
    rows = torch.from_numpy(x).reshape(-1, *shape)
    errors = {}

    def keep(key, error):
        # Not `max`: a NaN must not be passed over.
        errors[key] = errors[key] if error <= errors.get(key, -1) else error

    def note(key, a, b):
        keep(key, abs(a - b) / max(abs(b), 1e-300))

    if len(test_y):
        with torch.no_grad():
            outputs = net(torch.from_numpy(test_x).reshape(-1, *shape)).numpy()
        note("accuracy.test", line["accuracy"]["test"], float((outputs.argmax(1) == test_y).mean()))
        if config["loss"] == "mse":
            targets = np.where(np.arange(classes) == test_y[:, None], 1, -1)
            note("loss.test", line["loss"]["test"], ((outputs - targets) ** 2).mean())
    saved = load_file(os.path.join(options.run, "weights", f"{line['epoch']:04d}.safetensors"))
    for entry, (m, w, stages) in zip(line["layers"], measure(net, rows, labels), strict=True):
        a = saved[f"agop.{entry['layer']}"].numpy()
        keep("agop", np.linalg.norm(a - m) / np.linalg.norm(m))
        note("nfa.agop", entry["nfa"]["agop"], correlation(w.T @ w, m))
        note("nfa.root", entry["nfa"]["root"], correlation(w.T @ w, root(m)))
        for stage, (nc1, nc2) in zip(("input", "right", "output"), stages):
            note(f"nc1.{stage}", entry["nc1"][stage], nc1)
            note(f"nc2.{stage}", entry["nc2"][stage], nc2)
    bound = BOUNDS[config["precision"]]
    for key, error in errors.items():
        print(f"{key:24} {error:.1e}{'' if error <= bound else '   over ' + str(bound)}")
    return 0 if all(error <= bound for error in errors.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
