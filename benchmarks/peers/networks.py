"""`deeprfm network` beside PyTorch on the same CPU: seconds of a training epoch, in turn.

    python benchmarks/peers/networks.py --data DIR [--dataset cifar10] [--architecture mlp] [--samples 2000] [--threads 2] [--rounds 3]

Needs torch, torchvision and numpy. Both train in float32 on the same samples, standardised, in batches of 128 by SGD; what is compared is the
shortest epoch of each round, without evaluation (`seconds.train` and `seconds.exchange` of ours), and the median over rounds. Ours runs on one rank
with so many threads, then on as many ranks with one thread each. Beside them: the multiply-adds that the network's products take, and the rate of square
matrix products in the same round (`bench machine`).
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HOME = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOME / "Tests/Golden"))
FREE = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def peer(options):
    """In a process of its own: one JSON object."""
    import torch
    from torch_networks import image_shape, network

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    features = {"mnist": 784, "cifar10": 3072}[options.dataset]
    shape = image_shape(features)
    net = network(options.architecture, shape, 512, 5, 10)
    x = torch.randn(options.samples, *shape)
    labels = torch.randint(0, 10, (options.samples,))
    targets = torch.full((options.samples, 10), -1.0).scatter_(1, labels[:, None], 1.0)
    steps = torch.optim.SGD(net.parameters(), lr=0.01)
    net.train()
    seconds = []
    for _ in range(options.epochs):
        order = torch.randperm(options.samples)
        start = time.monotonic()
        for first in range(0, options.samples, 128):
            rows = order[first:first + 128]
            steps.zero_grad()
            torch.nn.functional.mse_loss(net(x[rows]), targets[rows]).backward()
            steps.step()
        seconds.append(time.monotonic() - start)
    print(json.dumps(seconds))


def products(options):
    """Operations of an epoch's matrix products and convolutions: forward, and twice that backward."""
    from torch.utils.flop_counter import FlopCounterMode
    import torch
    from torch_networks import image_shape, network

    shape = image_shape({"mnist": 784, "cifar10": 3072}[options.dataset])
    net = network(options.architecture, shape, 512, 5, 10)
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(8, *shape)).sum().backward()
    return counter.get_total_flops() / 8 * options.samples


def ours(options, ranks, threads):
    with tempfile.TemporaryDirectory() as folder:
        command = [options.program, "network", "--dataset", options.dataset, "--data", options.data, "--samples", options.samples,
                   "--test-samples", 0, "--architecture", options.architecture, "--epochs", options.epochs, "--measure-every", 1000000,
                   "--learning-rate", 0.01, "--threads", threads, "--output", folder + "/run", "--quiet"]
        if ranks > 1:
            command = ["mpirun", "--quiet", "--bind-to", "none", "-n", ranks] + command
        subprocess.run(list(map(str, command)), check=True, env=FREE)
        with open(folder + "/run/metrics.jsonl") as lines:
            seconds = [json.loads(line)["seconds"] for line in lines]
    return {name: [entry[name] for entry in seconds] for name in ("train", "exchange", "measure")}


def machine(options):
    command = [options.program, "bench", "machine", "--threads", str(options.threads), "--json"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=FREE).stdout)
    return found["gemmGflops"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(HOME / ".build/release/deeprfm"))
    parser.add_argument("--dataset", default="cifar10", choices=["mnist", "cifar10"])
    parser.add_argument("--data", default="")
    parser.add_argument("--architecture", default="mlp", choices=["mlp", "vgg11", "resnet18"])
    for name, value in (("samples", 2000), ("threads", 2), ("rounds", 3), ("epochs", 3)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return peer(options)
    cases = {"ours, 1 rank": (1, options.threads)}
    if options.threads > 1:
        cases[f"ours, {options.threads} ranks"] = (options.threads, 1)
    seconds = {name: [] for name in ("PyTorch", *cases)}
    rates = []
    for _ in range(options.rounds):
        text = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--peer"], check=True, capture_output=True, text=True, env=FREE).stdout
        seconds["PyTorch"].append(min(json.loads(text)))
        for name, (ranks, threads) in cases.items():
            found = ours(options, ranks, threads)
            seconds[name].append(min(a + b for a, b in zip(found["train"], found["exchange"])))
            if ranks == 1:
                measured = found["measure"][-1] / seconds[name][-1]
        rates.append(machine(options))
    work = products(options)
    print(f"{options.architecture}, {options.dataset}, {options.samples} samples, {options.threads} threads, seconds of an epoch")
    for name, values in seconds.items():
        middle = statistics.median(values)
        print(f"{name:16} {middle:8.3f}   {' '.join(f'{value:.3f}' for value in values)}   {statistics.median(seconds['PyTorch']) / middle:.2f} of PyTorch's"
              f" speed, {work / middle / 1e9:.0f} GFLOP/s, {work / middle / 1e9 / statistics.median(rates):.2f} of square products")
    print(f"measuring: {measured:.1f} epochs' time; square products {statistics.median(rates):.0f} GFLOP/s")


if __name__ == "__main__":
    main()
