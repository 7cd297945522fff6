#!/usr/bin/env python3
"""Compares MTL's networks with torchvision's, with weights that torch draws. `just parity` runs it.

  references.py DIR --mtl PROGRAM [--models a,b] [--train a,b] [--keep] [--threads 1]

Evaluation: for each network of --models (all that both have, without it) the references are made in DIR/<name>, `mtl predict`
is run on them, one line of a table is printed, and the files are deleted unless --keep is given.

  weights.safetensors  the state dict
  eval.safetensors     input [2, 3, S, S]; logits of torch in float32; logits64 of the same weights in float64
  eval.json            tolerance_max_abs = max(20 x torch's own float32 error, 2e-5 x largest logit), and what it is made of

Training: for each network of --train the references of three steps are made in DIR/<name>_train, and stay:
`MTL_PARITY=DIR cargo test --release --locked --test parity -- --ignored --nocapture` compares them.

  weights.safetensors  the start, three classes
  batch.safetensors    x [8, 3, 96, 96], y [8]
  train.json           float64 losses before each step and after the last, the norm of the first step's gradient per
                       parameter, and 32 sampled values of every tensor after three steps of SGD and of AdamW, with the
                       float32 error of torch itself. Weight decay is large, so that a wrong one shows.

Weights: He-normal convolutions and linear layers (the last with half the variance), biases and affine parameters away from
0 and 1, running statistics of one random batch, then perturbed: with torch's own start some layers would not be tested.
A name ending in `_aux` has its auxiliary heads. float64 is the reference throughout.
"""
import argparse, hashlib, json, math, os, shutil, subprocess, sys

import torch, torchvision
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import cross_entropy

EVALUATED = (
    ["alexnet"]
    + [f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")]
    + [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
    + ["wide_resnet50_2", "wide_resnet101_2", "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"]
    + [f"densenet{depth}" for depth in (121, 161, 169, 201)]
    + ["squeezenet1_0", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"]
    + [f"efficientnet_b{size}" for size in range(5)]
    + ["convnext_tiny", "googlenet", "googlenet_aux", "inception_v3", "inception_v3_aux"]
)
TRAINED = ["alexnet", "resnet18", "densenet121", "googlenet", "googlenet_aux"]
LABELS = [0, 1, 2, 0, 1, 2, 1, 0]
SGD = {"momentum": 0.9, "weight_decay": 0.02}
ADAMW = {"lr": 1e-5, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1.0}


def build(name, classes):
    single = name.removesuffix("_aux")
    if single in ("googlenet", "inception_v3"):
        more = {"aux_logits": name != single, "init_weights": False}
        return getattr(torchvision.models, single)(weights=None, num_classes=classes, **more)
    return getattr(torchvision.models, name)(weights=None, num_classes=classes)


def expression(name):
    single = name.removesuffix("_aux")
    return f"{single}(auxiliary: true)" if name != single else f"{name}()"


def draw_weights(model, random):
    last = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))][-1]
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                gain = 1.0 if module is last else 2.0
                module.weight.normal_(0, math.sqrt(gain / module.weight[0].numel()), generator=random)
                if module.bias is not None:
                    module.bias.normal_(0, 0.05, generator=random)
            elif isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
                module.weight.uniform_(0.6, 1.4, generator=random)
                module.bias.normal_(0, 0.1, generator=random)
        for name, parameter in model.named_parameters():
            if name.endswith("layer_scale"):
                parameter.uniform_(0.1, 0.5, generator=random)


def pictures(count, size, random):
    """Waves with noise on the scale of normalised pictures, each different."""
    line = torch.linspace(-1, 1, size)
    down, across = torch.meshgrid(line, line, indexing="ij")
    made = []
    for picture in range(count):
        for _ in range(3):
            speed, phase = torch.rand(4, generator=random) * 6 + 1, torch.rand(2, generator=random) * 2 * math.pi
            wave = torch.sin(speed[0] * across + speed[1] * down + phase[0])
            wave += 0.7 * torch.cos(speed[2] * across * down * (1 + picture) + phase[1])
            made.append(wave + 0.5 * torch.randn(size, size, generator=random) + 0.3 * (picture - 0.5))
    return torch.stack(made).reshape(count, 3, size, size)


def set_statistics(model, size, random):
    """Running statistics of one batch, then moved, so that evaluation really uses them."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
    rates = {module: module.p for module in model.modules() if isinstance(module, nn.Dropout)}
    for module in rates:
        module.p = 0.0
    model.train()
    with torch.no_grad():
        if norms:
            model(pictures(4, size, random))
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
            deviation = norm.running_var.sqrt()
            norm.running_mean += 0.1 * deviation * torch.randn(deviation.shape, generator=random)
            norm.running_var *= torch.empty_like(deviation).uniform_(0.7, 1.4, generator=random)
            norm.running_var += 1e-3
    for module, rate in rates.items():
        module.p = rate


def made(name, classes, calibrated, training):
    seed = int(hashlib.sha256(name.encode()).hexdigest()[:7], 16) + training
    random = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = build(name, classes)
    draw_weights(model, random)
    set_statistics(model, calibrated, random)
    return model, random


def state(model):
    return {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}


def versions():
    return {"torch": torch.__version__, "torchvision": torchvision.__version__}


def evaluation(name, folder):
    size = 299 if name.startswith("inception") else 224
    model, random = made(name, 1000, size if size == 299 else 160, False)
    model.eval()
    images = pictures(2, size, random)
    weights = state(model)
    with torch.no_grad():
        logits = model(images)
        exact = model.double()(images.double())
    noise, largest = (logits.double() - exact).abs().max().item(), exact.abs().max().item()
    os.makedirs(folder, exist_ok=True)
    save_file(weights, f"{folder}/weights.safetensors")
    save_file({"input": images, "logits": logits, "logits64": exact}, f"{folder}/eval.safetensors")
    facts = {
        "model": name,
        "size": size,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "max_abs_logit": largest,
        "float32_noise_max_abs": noise,
        "tolerance_max_abs": max(20 * noise, 2e-5 * largest),
        **versions(),
    }
    with open(f"{folder}/eval.json", "w") as file:
        json.dump(facts, file, indent=1)
    return facts


def compared(name, folder, facts, program):
    """A row of the table; true when the logits are within the tolerance."""
    out = f"{folder}/predicted.safetensors"
    command = [program, "predict", expression(name), f"{folder}/eval.safetensors", "--out", out]
    subprocess.run(command + ["--weights", f"{folder}/weights.safetensors"], check=True, stdout=subprocess.DEVNULL)
    exact = load_file(f"{folder}/eval.safetensors")["logits64"]
    error = (load_file(out)["logits"].double() - exact).abs().max().item()
    fits = error <= facts["tolerance_max_abs"]
    numbers = " | ".join(f"{facts[key]:.2g}" for key in ("max_abs_logit", "float32_noise_max_abs", "tolerance_max_abs"))
    print(f"| {name} | {facts['parameters']:,} | {numbers} | {error:.2g} | {'yes' if fits else '**no**'} |", flush=True)
    return fits


def loss_of(model, images, labels):
    out = model(images)
    if hasattr(out, "aux_logits1"):
        beside = cross_entropy(out.aux_logits1, labels) + cross_entropy(out.aux_logits2, labels)
        return cross_entropy(out.logits, labels) + 0.3 * beside
    return cross_entropy(out, labels)


def three_steps(model, start, kind, rate, images, labels):
    """Losses, the first step's gradient norms, and every tensor afterwards."""
    model.load_state_dict(start)
    model.train()
    parameters = model.parameters()
    optimizer = torch.optim.SGD(parameters, lr=rate, **SGD) if kind == "sgd" else torch.optim.AdamW(parameters, **ADAMW)
    losses, norms = [], {}
    for step in range(3):
        optimizer.zero_grad()
        loss = loss_of(model, images, labels)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            norms = {name: parameter.grad.norm().item() for name, parameter in model.named_parameters()}
        optimizer.step()
    after = {name: tensor.detach().double().flatten().clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        losses.append(loss_of(model, images, labels).item())
    return losses, norms, after


def training(name, folder):
    model, random = made(name, 3, 96, True)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    images, labels, start = pictures(8, 96, random), torch.tensor(LABELS), state(model)
    os.makedirs(folder, exist_ok=True)
    save_file(start, f"{folder}/weights.safetensors")
    save_file({"x": images, "y": labels}, f"{folder}/batch.safetensors")
    places = {
        key: sorted(set(torch.randint(0, max(1, tensor.numel()), (32,), generator=random).tolist()))
        for key, tensor in start.items()
    }
    rate = 1e-5 if name == "alexnet" else 1e-4
    facts = {"model": name, "sgd": {"lr": rate, **SGD}, "adamw": dict(ADAMW), **versions()}
    for kind in ("sgd", "adamw"):
        single = three_steps(model.float(), start, kind, rate, images, labels)
        exact = three_steps(model.double(), start, kind, rate, images.double(), labels)
        model.float()
        facts[kind]["losses"] = exact[0]
        facts[kind]["after3"] = {
            key: {
                "idx": at,
                "values": exact[2][key][at].tolist(),
                "f32_noise": (exact[2][key] - single[2][key])[at].abs().tolist(),
            }
            for key, at in places.items()
        }
        facts["gradients"] = {
            key: {"l2": norm, "rtol": max(1e-3, 20 * abs(norm - single[1][key]) / max(norm, 1e-30))}
            for key, norm in exact[1].items()
        }
    with open(f"{folder}/train.json", "w") as file:
        json.dump(facts, file)
    print(f"{name}: references of three steps in {folder}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--mtl", default="target/release/mtl", help="the program that is compared")
    parser.add_argument("--models", default=",".join(EVALUATED), help="networks of evaluation; empty: none")
    parser.add_argument("--train", default=",".join(TRAINED), help="networks of training; empty: none")
    parser.add_argument("--keep", action="store_true", help="keep the files of evaluation")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    listed = lambda names: [name for name in names.split(",") if name]
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}\n")
    good = True
    if models := listed(arguments.models):
        print("| net | parameters | largest logit | torch's float32 error | tolerance | error | within |")
        print("|---|---|---|---|---|---|---|")
        for name in models:
            folder = f"{arguments.folder}/{name}"
            good &= compared(name, folder, evaluation(name, folder), arguments.mtl)
            if not arguments.keep:
                shutil.rmtree(folder)
    for name in listed(arguments.train):
        training(name, f"{arguments.folder}/{name}_train")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
