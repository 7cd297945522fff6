#!/usr/bin/env python3
"""Makes augment.json with scipy and torchvision: `make.py`, writes beside itself; src/train/augment/tests.rs reads it.

Pictures and fields come from formulas that the Rust test computes alike. Everything is computed by scipy in float64; where
torchvision has the same function, on its own ground, the two must agree here first.

blur     per deviation: `ndimage.gaussian_filter(mode="mirror", truncate=4)` of each channel
gamma    per exponent: torchvision's `adjust_gamma`
elastic  `field` is the displacement of `direction`; `alone`, `turned_before` and `turned_after` are pictures under the
         field, under a rotation by 17 degrees and then the field, and the other way round: `ndimage.map_coordinates`
         with order=1 and mode="grid-constant"; between pixels the field itself is bilinear, mode="nearest"
"""
import json, os
import numpy as np, scipy, torch, torchvision
from scipy import ndimage
from torchvision.transforms.v2 import functional as tv

HERE = os.path.dirname(os.path.abspath(__file__))
HEIGHT, WIDTH, ALPHA, SIGMA, DEGREES = 9, 12, 8.0, 2.0, 17.0
y, x = np.mgrid[:HEIGHT, :WIDTH]
picture = np.stack([(x * 37 + y * 59 + x * y * 11 + c * 23) % 97 / 96 for c in range(3)], axis=2)
numbers = [(x * 53 + y * 31 + x * y * 7 + d * 41) % 101 / 50 - 1 for d in range(2)]
tensor = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]


def digits(values):
    return [round(float(v), 8) for v in np.asarray(values).ravel()]


def agree(a, b):
    assert np.abs(np.asarray(a) - np.asarray(b)).max() < 1e-6, np.abs(np.asarray(a) - np.asarray(b)).max()


def smoothed(values, sigma):
    return ndimage.gaussian_filter(values, sigma, mode="mirror", truncate=4.0)


blur = {}
for sigma in (0.1, 0.3, 0.9, 1.7, 4.0):
    out = np.stack([smoothed(picture[..., c], sigma) for c in range(3)], axis=2)
    radius = int(4 * sigma + 0.5)
    if 0 < radius < HEIGHT:
        agree(out, tv.gaussian_blur(tensor, [2 * radius + 1] * 2, [sigma] * 2)[0].numpy().transpose(1, 2, 0))
    blur[str(sigma)] = digits(out)
gamma = {str(g): digits(tv.adjust_gamma(tensor, g)[0].numpy().transpose(1, 2, 0)) for g in (0.5, 0.8, 2.2)}

field = [ALPHA * smoothed(n, SIGMA) for n in numbers]
grey = picture[..., 0]
cx, cy = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
cos, sin = np.cos(np.radians(DEGREES)), np.sin(np.radians(DEGREES))


def turned(px, py):
    return cx + cos * (px - cx) + sin * (py - cy), cy - sin * (px - cx) + cos * (py - cy)


def displaced(px, py):
    dx, dy = (ndimage.map_coordinates(f, [py, px], order=1, mode="nearest") for f in field)
    return px + dx, py + dy


def sample(px, py):
    return ndimage.map_coordinates(grey, [py, px], order=1, mode="grid-constant", cval=0.0)


alone = sample(*displaced(x * 1.0, y * 1.0))
normalised = torch.from_numpy(np.stack([2 * field[0] / WIDTH, 2 * field[1] / HEIGHT], axis=2))[None]
agree(alone, tv.elastic(tensor[:, :1], normalised, interpolation=tv.InterpolationMode.BILINEAR)[0, 0].numpy())
elastic = {
    "field": digits(field),
    "alone": digits(alone),
    "turned_before": digits(sample(*turned(*displaced(x * 1.0, y * 1.0)))),
    "turned_after": digits(sample(*displaced(*turned(x * 1.0, y * 1.0)))),
}
made_by = f"scipy {scipy.__version__}, numpy {np.__version__}, torchvision {torchvision.__version__} on torch {torch.__version__}"
with open(os.path.join(HERE, "augment.json"), "w") as out:
    json.dump({"made_by": made_by, "blur": blur, "gamma": gamma, "elastic": elastic}, out, separators=(",", ":"))
    out.write("\n")
