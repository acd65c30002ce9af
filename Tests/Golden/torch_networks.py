"""The networks of `deeprfm network` written in PyTorch, with its parameters' names, so that state dicts fit without a change."""

import torch
import torchvision
from torch import nn

ACTIVATIONS = {
    "relu": torch.relu,
    "leaky-relu": lambda x: nn.functional.leaky_relu(x, 0.01),
    "tanh": torch.tanh,
    "gelu": nn.functional.gelu,
    "quadratic": torch.square,
}


class Head(nn.Module):
    """linear1, ..., linear{depth + 1}, no biases, an activation behind all but the last."""

    def __init__(self, inputs: int, width: int, depth: int, classes: int, activation: str = "relu"):
        super().__init__()
        self.depth, self.activation = depth, ACTIVATIONS[activation]
        for number in range(1, depth + 2):
            outputs = classes if number == depth + 1 else width
            setattr(self, f"linear{number}", nn.Linear(inputs if number == 1 else width, outputs, bias=False))

    def linear(self, number: int) -> nn.Linear:
        return getattr(self, f"linear{number}")

    def forward(self, x):
        x = x.flatten(1)
        for number in range(1, self.depth + 1):
            x = self.activation(self.linear(number)(x))
        return self.linear(self.depth + 1)(x)


class VGG11(nn.Module):
    """torchvision's, cut after the sixth convolution and its ReLU; the first convolution without bias."""

    def __init__(self, channels: int, width: int, depth: int, classes: int, activation: str = "relu"):
        super().__init__()
        self.features = torchvision.models.vgg11().features[:15]
        self.features[0] = nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.head = Head(8192, width, depth, classes, activation)

    def forward(self, x):
        return self.head(self.pool(self.features(x)))


class ResNet18(torchvision.models.ResNet):
    """torchvision's without fc, under a head."""

    def __init__(self, channels: int, width: int, depth: int, classes: int, activation: str = "relu"):
        super().__init__(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2])
        self.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        del self.fc
        self.fc = nn.Identity()
        self.head = Head(512, width, depth, classes, activation)

    def forward(self, x):
        return self.head(super().forward(x))


def network(architecture: str, shape, width: int, depth: int, classes: int, activation: str = "relu") -> nn.Module:
    """- shape: of a sample, (channels, height, width)."""
    if architecture == "mlp":
        return Head(shape[0] * shape[1] * shape[2], width, depth, classes, activation)
    kind = {"vgg11": VGG11, "resnet18": ResNet18}[architecture]
    return kind(shape[0], width, depth, classes, activation)


def head(net: nn.Module) -> Head:
    return net if isinstance(net, Head) else net.head


def image_shape(features: int):
    """(channels, height, width) of a square image of one channel or three; a plain vector otherwise."""
    for channels in (1, 3):
        side = round((features / channels) ** 0.5)
        if side * side * channels == features:
            return channels, side, side
    return features, 1, 1
