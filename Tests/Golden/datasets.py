"""Readers of the data sets' official files: raw features (samples x features, float64) and labels, in file order."""

import gzip
import os

import numpy as np


def open_any(folder, name):
    """The file, or its .gz."""
    path = os.path.join(folder, name)
    return open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz", "rb")


def read_idx(folder, name):
    """IDX: two zero bytes, type (8 = unsigned byte), number of dimensions, big-endian sizes, bytes."""
    with open_any(folder, name) as file:
        data = file.read()
    if data[:3] != b"\0\0\x08":
        raise ValueError(f"{name}: not an IDX file of bytes")
    shape = tuple(np.frombuffer(data, ">u4", data[3], 4).astype(int))
    return np.frombuffer(data, np.uint8, int(np.prod(shape)), 4 + 4 * data[3]).reshape(shape)


def mnist(folder):
    def part(prefix):
        images = read_idx(folder, prefix + "-images-idx3-ubyte")
        return images.reshape(len(images), -1), read_idx(folder, prefix + "-labels-idx1-ubyte")
    return (*part("train"), *part("t10k"))


def cifar10(folder):
    """Records of one label byte and 3,072 pixels, in file order (red, green, blue planes)."""
    def part(names):
        raw = []
        for name in names:
            with open_any(folder, name) as file:
                raw.append(np.frombuffer(file.read(), np.uint8).reshape(-1, 3073))
        raw = np.concatenate(raw)
        return raw[:, 1:], raw[:, 0]
    return (*part([f"data_batch_{i}.bin" for i in range(1, 6)]), *part(["test_batch.bin"]))


def npy(folder):
    """train_x.npy, train_y.npy and, where they exist, test_x.npy, test_y.npy."""
    def load(name):
        path = os.path.join(folder, name)
        return np.load(path) if os.path.exists(path) else None
    train_x, train_y, test_x, test_y = (load(n + ".npy") for n in ("train_x", "train_y", "test_x", "test_y"))
    if test_x is None:
        test_x, test_y = train_x[:0], train_y[:0]
    d = int(np.prod(train_x.shape[1:]))
    return train_x.reshape(-1, d), train_y, test_x.reshape(-1, d), test_y


def digits(path=None):
    """The 1,797 images of the UCI optical digits test set, in its order, undivided.

    path: optdigits.tes (64 values and a label a line), an .npz with x and y, an .npy (1797 x 65, label last),
    or nothing: scikit-learn's copy."""
    if path is None:
        from sklearn.datasets import load_digits
        bunch = load_digits()
        return bunch.data, bunch.target
    if path.endswith(".npz"):
        file = np.load(path)
        return file["x"], file["y"]
    table = np.load(path) if path.endswith(".npy") else np.loadtxt(path, delimiter=",")
    return table[:, :-1], table[:, -1].astype(np.int64)


def classes(train_y, test_y):
    """The distinct training labels in order, and both parts' places in them; -1 for a test label that training has not."""
    names, numbers = np.unique(train_y, return_inverse=True)
    places = np.searchsorted(names, test_y).clip(max=len(names) - 1)
    return names, numbers, np.where(names[places] == test_y, places, -1)


def load(name, folder=None, digits_file=None, digits_train=None):
    """(train_x, train_y, test_x, test_y), features float64, labels int64. digits_train: how many of the digits'
    images, from the first, are training samples; the rest are test samples."""
    if name == "digits":
        x, y = digits(digits_file)
        cut = len(x) if digits_train is None else digits_train
        parts = x[:cut], y[:cut], x[cut:], y[cut:]
    else:
        parts = {"mnist": mnist, "cifar10": cifar10, "npy": npy}[name](folder)
    train_x, train_y, test_x, test_y = parts
    return (np.asarray(train_x, np.float64), np.asarray(train_y, np.int64),
            np.asarray(test_x, np.float64), np.asarray(test_y, np.int64))
