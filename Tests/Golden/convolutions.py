"""Writes convolutions.json: a small network of every convolutional layer kind by PyTorch in float64, with its gradients.

    python convolutions.py [--check]

Parameters and rows are multiples of 1/64, so that they are the same numbers everywhere.
"""

import json
import pathlib
import sys

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

PATH = pathlib.Path(__file__).parent / "convolutions.json"


def network() -> nn.Sequential:
    down = nn.Sequential(nn.Conv2d(4, 6, 1, 2, bias=False), nn.BatchNorm2d(6))
    return nn.Sequential(
        nn.Conv2d(2, 4, 5, 2, 2, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        BasicBlock(4, 4),
        BasicBlock(4, 6, 2, down),
        nn.Conv2d(6, 5, 3, 1, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(20, 3, bias=False),
    )


def draw(generator: torch.Generator, shape, scale: float = 1.0) -> torch.Tensor:
    return torch.round(torch.randn(shape, generator=generator, dtype=torch.float64) * scale * 64) / 64


def plain(tensor: torch.Tensor):
    return tensor.detach().flatten().tolist()


def mode(net: nn.Module, x: torch.Tensor, c: torch.Tensor, training: bool) -> dict:
    net.train(training)
    net.zero_grad()
    outputs = net(x)
    (outputs * c).sum().backward()
    return {
        "outputs": plain(outputs),
        "gradients": {name: plain(parameter.grad) for name, parameter in net.named_parameters()},
        "statistics": {name: plain(buffer.double()) for name, buffer in net.named_buffers()},
    }


def main() -> int:
    generator = torch.Generator().manual_seed(19)
    net = network().double()
    for name, parameter in net.named_parameters():
        offset = 1.0 if parameter.dim() == 1 and name.endswith("weight") else 0.0
        parameter.data = offset + draw(generator, parameter.shape, 0.3)
    x, c = draw(generator, (5, 2, 9, 7)), draw(generator, (5, 3))
    found = {
        "input": [2, 9, 7],
        "parameters": {name: plain(parameter) for name, parameter in net.named_parameters()},
        "x": plain(x),
        "c": plain(c),
        "train": mode(net, x, c, True),
        "evaluate": mode(net, x, c, False),
    }
    if "--check" not in sys.argv:
        PATH.write_text(json.dumps(found) + "\n")
        return 0
    known = json.loads(PATH.read_text())
    return 0 if agree(known, found) else 1


def agree(a, b) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(agree(a[key], b[key]) for key in a)
    scale = max(map(abs, a), default=1)
    return len(a) == len(b) and all(abs(p - q) <= 1e-10 * max(1, scale) for p, q in zip(a, b))


if __name__ == "__main__":
    sys.exit(main())
