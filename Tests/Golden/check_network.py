#!/usr/bin/env python3
"""Checks a finished network's run by PyTorch in float64, from its saved files and the official data alone.

    check_network.py RUN_DIR [--data DIR]

model.safetensors goes into the same network written in PyTorch (torch_networks.py), every name and no other. Then, from all training samples in
evaluating mode:
  loss, accuracy   after the last epoch, of the test samples
  agop.N           of the last weights/NNNN.safetensors against the sum of J^T J, J by autograd; relative, Frobenius
  nfa, nc1, nc2    of the last line of metrics.jsonl, at each hidden fully-connected layer and at each convolution that was measured: there J is of the
                   patches, one at each position, unfolded; the root by eigendecomposition of that AGOP; S V^T phi from the singular value decomposition
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


def root(m, w):
    """Of M = W^T S W, whose range is that of W^T: its eigenvectors are found there."""
    q, _ = np.linalg.qr(w.T)
    values, vectors = np.linalg.eigh(q.T @ m @ q)
    vectors = q @ vectors
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def stages(net, with_convolutions):
    """(name, module, module whose output is the activation's) of what is measured; None: the head's own activation."""
    result = [(f"linear{n}", head(net).linear(n), None) for n in range(1, head(net).depth + 1)]
    if head(net) is not net:
        result = [("head." + name, module, end) for name, module, end in result]
    convolutions = []
    if with_convolutions:
        modules = dict(net.named_modules())
        for name, module in modules.items():
            if not isinstance(module, torch.nn.Conv2d):
                continue
            if name.startswith("features."):
                end = modules[f"features.{int(name.split('.')[1]) + 1}"]
            elif name == "conv1":
                end = "relu:bn1"
            elif name.endswith("downsample.0"):
                end = modules[name[:-1] + "1"]
            elif name.endswith("conv1"):
                end = "relu:" + name[:-5] + "bn1"
            else:
                end = modules[name.rsplit(".", 1)[0]]
            convolutions.append((name, module, end))
    return result, convolutions


def measure(net, x, labels, measured):
    """Of each of these layers (agop, phi, right, output); everything at once: for small runs."""
    keep = {}
    modules = dict(net.named_modules())
    hooks = []
    for name, module, end in measured:
        keep[name] = {"phi": [], "y": [], "out": [], "grad": None}

        def forward(m, inputs, output, name=name):
            keep[name]["phi"].append(inputs[0].detach().clone())
            keep[name]["y"].append(output)
            # What follows may write where this lies.
            return output.clone()

        hooks.append(module.register_forward_hook(forward))
        if end is not None:
            target = modules[end.split(":")[1]] if isinstance(end, str) else end
            relu = isinstance(end, str)
            hooks.append(target.register_forward_hook(
                lambda m, i, o, name=name, relu=relu: keep[name]["out"].append((torch.relu(o) if relu else o).detach().clone())))
    sums = {name: 0 for name, _, _ in measured}
    for rows in torch.split(x, 100):
        for entry in keep.values():
            entry["y"].clear()
        outputs = net(rows)
        for c in range(outputs.shape[1]):
            gradients = torch.autograd.grad(outputs[:, c].sum(), [keep[name]["y"][0] for name, _, _ in measured], retain_graph=True)
            for (name, module, _), g in zip(measured, gradients):
                flat = g.flatten(2).transpose(1, 2).reshape(-1, g.shape[1]) if g.dim() == 4 else g
                jacobian = flat @ module.weight.detach().flatten(1)
                sums[name] = sums[name] + jacobian.T @ jacobian
    for hook in hooks:
        hook.remove()
    found = {}
    for name, module, end in measured:
        phi = torch.cat(keep[name]["phi"])
        w = module.weight.detach().flatten(1)
        _, s, vt = torch.linalg.svd(w, full_matrices=False)
        turned = (s[:, None] * vt).reshape(-1, *module.weight.shape[1:])
        if isinstance(module, torch.nn.Conv2d):
            right = torch.nn.functional.conv2d(phi, turned, stride=module.stride, padding=module.padding)
            out = torch.cat(keep[name]["out"])
        else:
            right = phi @ turned.T
            out = head(net).activation(phi @ w.T)
        found[name] = (sums[name].numpy(), w.numpy(), *(collapse(v.numpy(), labels) for v in (phi, right, out)))
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
    note = lambda key, a, b: errors.__setitem__(key, max(errors.get(key, 0), abs(a - b) / max(abs(b), 1e-300)))
    if len(test_y):
        with torch.no_grad():
            outputs = net(torch.from_numpy(test_x).reshape(-1, *shape)).numpy()
        note("accuracy.test", line["accuracy"]["test"], float((outputs.argmax(1) == test_y).mean()))
        if config["loss"] == "mse":
            targets = np.where(np.arange(classes) == test_y[:, None], 1, -1)
            note("loss.test", line["loss"]["test"], ((outputs - targets) ** 2).mean())
    saved = load_file(os.path.join(options.run, "weights", f"{line['epoch']:04d}.safetensors"))
    linear, convolutions = stages(net, "convolutions" in line)
    found = measure(net, rows, labels, linear + convolutions)
    for place, entry in enumerate(line["layers"] + line.get("convolutions", [])):
        m, w, *measures = found[entry["name"]]
        if place < len(linear):
            a = saved[f"agop.{entry['layer']}"].numpy()
            errors["agop"] = max(errors.get("agop", 0), np.linalg.norm(a - m) / np.linalg.norm(m))
        kind = "linear" if place < len(linear) else "convolution"
        note(f"{kind} nfa.agop", entry["nfa"]["agop"], correlation(w.T @ w, m))
        note(f"{kind} nfa.root", entry["nfa"]["root"], correlation(w.T @ w, root(m, w)))
        for stage, (nc1, nc2) in zip(("input", "right", "output"), measures):
            note(f"{kind} nc1.{stage}", entry["nc1"][stage], nc1)
            note(f"{kind} nc2.{stage}", entry["nc2"][stage], nc2)
    bound = BOUNDS[config["precision"]]
    # The root of an eigenvalue that is 0 but for rounding is 1e-8 of the largest one's, and there may be many.
    bounds = {key: max(bound, 1e-6) if key.endswith("root") else bound for key in errors}
    for key, error in errors.items():
        print(f"{key:24} {error:.1e}{'' if error <= bounds[key] else '   over ' + str(bounds[key])}")
    return 0 if all(error <= bounds[key] for key, error in errors.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
