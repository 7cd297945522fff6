#!/usr/bin/env python3
"""Makes the references of tests/parity/models.rs with torch and torchvision: `make_parity.py`, writes beside itself.

No weights are shipped. Every value comes from an integer hash that the Rust test computes alike: value `i` of tensor
`name` is draw `i` of SplitMix64 (Steele, Lea and Flood 2014) whose state begins at the 64-bit FNV-1a hash of the name,
as a multiple of 2^-53 in 0..1; `tensor` of parity_values.py says what becomes of it. float64 is the reference.

alexnet.json, resnet18.json:
  variances   per batch norm: the mean variance of its input in one batch, the scale of its running statistics
  eval        logits of two 224 x 224 images, 20 classes; tolerance = max(20 x torch's own float32 error, 2e-5 x largest)
  gradients   per parameter: l2 norm of the first step's gradient and its relative tolerance
  sgd, adamw  loss before each of three steps and after the last; per tensor 12 sampled values after them with the
              tolerance of their root mean square error: max(10 x torch's own float32 error, 2 % of the update,
              2e-7 x value + 1e-9), the worst of the 12 left out, as Adam turns a rounding into a whole step

networks.json: the same `variances` (two digits) and `eval` for one network of each other family, on 96 x 96, five classes
"""
import json, os
import numpy as np, torch, torchvision
from parity_values import bits, images, tensor
from torch import nn

torch.set_num_threads(1)
HERE, BATCH, SIZE, SAMPLES = os.path.dirname(os.path.abspath(__file__)), 8, 96, 12
LABELS = [0, 1, 2, 0, 1, 2, 1, 0]


def build(name, classes, variances):
    model = build_empty(name, classes)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    last = [n for n, m in model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))][-1]
    state = {k: v if k.endswith("num_batches_tracked") else tensor(k, tuple(v.shape), variances, last)
             for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    return model


def measure(name, digits=4, size=160):
    """The variance of each batch norm's input over one batch, in few digits: both sides read the same number."""
    ones = {n: 1.0 for n, m in build_empty(name).named_modules() if isinstance(m, nn.BatchNorm2d)}
    model, found = build(name, 3, ones).train(), {}
    for n, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(
                lambda _, x, __, n=n: found.__setitem__(n, float("%.*g" % (digits, x[0].var(dim=(0, 2, 3)).mean().item()))))
    with torch.no_grad():
        model(images("calibration", 4, size))
    return found


def build_empty(name, classes=3):
    plain = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return getattr(torchvision.models, name)(weights=None, num_classes=classes, **plain)


def evaluate(name, variances, classes=20, size=224):
    model, x = build(name, classes, variances).eval(), images("eval", 2, size)
    with torch.no_grad():
        single, double = model(x).double(), model.double()(x.double())
    noise, largest = (single - double).abs().max().item(), double.abs().max().item()
    return {"logits": double.tolist(), "tolerance": max(20 * noise, 2e-5 * largest), "float32_error": noise}


def rms(values):
    return float(np.sqrt(np.mean(np.square(np.asarray(values, float)))))


def trimmed(values):
    return np.sort(np.abs(np.asarray(values, float)))[:-1] if len(values) > 1 else np.asarray(values, float)


def train(name, variances):
    x, labels = images("train", BATCH, SIZE), torch.tensor(LABELS)
    rates = {"sgd": 1e-5 if name == "alexnet" else 1e-4, "adamw": 1e-5}

    def run(kind, dtype):
        model = build(name, 3, variances).to(dtype).train()
        optimizer = (torch.optim.SGD(model.parameters(), lr=rates[kind], momentum=0.9, weight_decay=0.02) if kind == "sgd"
                     else torch.optim.AdamW(model.parameters(), lr=rates[kind], betas=(0.9, 0.999), eps=1e-8, weight_decay=1.0))
        losses, gradients = [], None
        for _ in range(3):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x.to(dtype)), labels)
            loss.backward()
            losses.append(loss.item())
            gradients = gradients or {k: p.grad.double().norm().item() for k, p in model.named_parameters()}
            optimizer.step()
        after = {k: v.double().flatten().clone() for k, v in model.state_dict().items() if "tracked" not in k}
        with torch.no_grad():
            losses.append(nn.functional.cross_entropy(model(x.to(dtype)), labels).item())
        return losses, gradients, after

    result, start = {}, build(name, 3, variances).state_dict()
    for kind in ("sgd", "adamw"):
        (losses, gradients, double), (_, gradients32, single) = run(kind, torch.float64), run(kind, torch.float32)
        tensors = {}
        for k, v in double.items():
            at = (bits(k + ".samples", np.arange(SAMPLES)) % np.uint64(v.numel())).astype(np.int64)
            values, noise = v[at].numpy(), (v - single[k])[at].numpy()
            update = values - start[k].double().flatten()[at].numpy()
            tolerance = max(10 * rms(trimmed(noise)), 0.02 * rms(update), 2e-7 * rms(values) + 1e-9)
            tensors[k] = {"values": [float("%.11g" % q) for q in values], "tolerance": float("%.4g" % tolerance)}
        result[kind] = {"rate": rates[kind], "losses": losses, "after": tensors}
    result["gradients"] = {k: {"l2": l2, "tolerance": max(1e-3, 20 * abs(l2 - gradients32[k]) / l2)} for k, l2 in gradients.items()}
    return result


FAMILIES = ("convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "mobilenet_v2",
            "mobilenet_v3_small", "resnet50", "resnext50_32x4d", "squeezenet1_1", "vgg11_bn")
networks = {}
for name in FAMILIES:
    variances = measure(name, 2, 96)
    networks[name] = {"variances": variances, "eval": evaluate(name, variances, 5, 96)}
    print(name, "logits up to %.3g" % np.abs(networks[name]["eval"]["logits"]).max(), "tolerance %.2g" % networks[name]["eval"]["tolerance"])
with open(f"{HERE}/networks.json", "w") as file:
    json.dump(networks, file, separators=(",", ":"))
    file.write("\n")

for name in ("alexnet", "resnet18"):
    variances = measure(name)
    reference = {"torch": torch.__version__, "torchvision": torchvision.__version__, "variances": variances,
                 "eval": evaluate(name, variances), **train(name, variances)}
    with open(f"{HERE}/{name}.json", "w") as file:
        json.dump(reference, file, separators=(",", ":"))
        file.write("\n")
    print(name, "logits up to %.3g" % np.abs(reference["eval"]["logits"]).max(), "tolerance %.2g" % reference["eval"]["tolerance"],
          "sgd", reference["sgd"]["losses"], "adamw", reference["adamw"]["losses"])
