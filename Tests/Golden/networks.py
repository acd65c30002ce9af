"""Writes networks.json: whole vgg11 and resnet18 networks by PyTorch in float64, outputs and a digest of every gradient.

    python networks.py [--check]

Millions of numbers, so that nothing of them is in the file: parameters and rows come from a hash of (place, tensor), which both sides make; of
a gradient there are its norm, its inner product with another such vector, and its first entries.
"""

import json
import pathlib
import sys

import numpy as np
import torch

from torch_networks import network

PATH = pathlib.Path(__file__).parent / "networks.json"
CASES = [("vgg11", (1, 28, 28), 4), ("resnet18", (3, 32, 32), 5)]
WIDTH, DEPTH, CLASSES = 32, 2, 10
ROWS_SALT, LOSS_SALT, PROBE_SALT = 1000, 1001, 1002


def uniform(count: int, salt: int) -> np.ndarray:
    """In [-1, 1): MurmurHash3's finaliser of the place."""
    with np.errstate(over="ignore"):
        h = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(salt) * np.uint32(0x85EBCA77)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
        h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2**31 - 1


def fill(net: torch.nn.Module):
    """He's bound for weights; batch norm's around 1; biases small."""
    for salt, (name, parameter) in enumerate(net.named_parameters()):
        values = torch.from_numpy(uniform(parameter.numel(), salt)).reshape(parameter.shape)
        if parameter.dim() > 1:
            parameter.data = values * (6 / parameter[0].numel()) ** 0.5
        else:
            parameter.data = values * 0.25 + (1 if name.endswith("weight") else 0)


def digest(gradient: torch.Tensor) -> dict:
    g = gradient.detach().numpy().reshape(-1)
    return {"norm": float(np.sqrt(g @ g)), "probe": float(g @ uniform(g.size, PROBE_SALT)), "first": g[:4].tolist()}


def mode(net, x, c, training: bool) -> dict:
    net.train(training)
    net.zero_grad()
    outputs = net(x)
    (outputs * c).sum().backward()
    return {
        "outputs": outputs.detach().flatten().tolist(),
        "gradients": {name: digest(parameter.grad) for name, parameter in net.named_parameters()},
    }


def case(architecture: str, shape, rows: int) -> dict:
    net = network(architecture, shape, WIDTH, DEPTH, CLASSES).double()
    fill(net)
    features = int(np.prod(shape))
    x = torch.from_numpy(uniform(rows * features, ROWS_SALT) * 1.7).reshape(rows, *shape)
    c = torch.from_numpy(uniform(rows * CLASSES, LOSS_SALT)).reshape(rows, CLASSES)
    return {
        "architecture": architecture, "input": list(shape), "rows": rows, "width": WIDTH, "depth": DEPTH, "classes": CLASSES,
        "parameters": [name for name, _ in net.named_parameters()],
        "train": mode(net, x, c, True), "evaluate": mode(net, x, c, False),
    }


def main() -> int:
    found = [case(*entry) for entry in CASES]
    if "--check" not in sys.argv:
        PATH.write_text(json.dumps(found) + "\n")
        return 0
    return 0 if agree(json.loads(PATH.read_text()), found) else 1


def agree(a, b) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(agree(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(agree(p, q) for p, q in zip(a, b))
    return a == b if isinstance(a, (str, int)) else abs(a - b) <= 1e-9 * max(1, abs(a))


if __name__ == "__main__":
    sys.exit(main())
