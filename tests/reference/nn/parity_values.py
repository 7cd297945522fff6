"""Values of weights and pictures that Python and tests/parity/models.rs compute alike, from names alone: value `i` of tensor
`name` is draw `i` of SplitMix64 (Steele, Lea and Flood 2014) whose state begins at the 64-bit FNV-1a hash of the name, as a
multiple of 2^-53 in 0..1; `tensor` says what becomes of it.
"""
import math
import numpy as np, torch


def bits(name, indices):
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & (2**64 - 1)
    with np.errstate(over="ignore"):
        z = np.uint64(state) + (np.asarray(indices, np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def between(name, count, low, high):
    uniform = (bits(name, np.arange(count)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (low + (high - low) * uniform).astype(np.float32)


def images(name, count, size):
    """Patches of 4 x 4 per image and channel, with noise."""
    patches = between(name + ".patches", count * 3 * 16, -1.5, 1.5).reshape(count, 3, 4, 4)
    at = np.arange(size) * 4 // size
    noise = between(name + ".noise", count * 3 * size * size, -0.5, 0.5).reshape(count, 3, size, size)
    return torch.from_numpy(patches[:, :, at][:, :, :, at] + noise)


def tensor(name, shape, variances, last):
    count = math.prod(shape)
    scope, kind = name.rsplit(".", 1)
    if scope in variances:
        variance = variances[scope]
        low, high = {
            "weight": (0.6, 1.4),
            "bias": (-0.2, 0.2),
            "running_mean": (-0.2 * math.sqrt(variance), 0.2 * math.sqrt(variance)),
            "running_var": (0.7 * variance, 1.4 * variance),
        }[kind]
        values = between(name, count, low, high)
    elif kind == "bias":
        values = between(name, count, -0.1, 0.1)
    else:
        bound = math.sqrt(3.0 * (1.0 if scope == last else 2.0) / (count // shape[0]))
        values = between(name, count, -bound, bound)
    return torch.from_numpy(values.reshape(shape))
