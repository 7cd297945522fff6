#!/usr/bin/env python3
"""Makes the references of the networks in tests/programs/networks: `make_networks.py`, writes networks.json beside itself.

The references are torchvision's and timm's own models, the encoder of MONAI's `BasicUNet`, and the small modules below.
The values of weights and pictures, and what `variances` and `eval` hold, are those of ../nn/make_parity.py.

networks.json, per network:
  program     the program's file
  from        the model that it is held against
  size, channels, views
              pictures, and how many a sample has; shapes and the listing are at these
  parameters, tensors, blake3
              trained values, tensors, and the digest of the listing: one `name [shape]` a line of `state_dict()`
              without num_batches_tracked, sorted
  maps        modules in order, and the shape `[channels, height, width]` of what each gives
  small       for pictures of 64 x 64 and three classes: `eval`, logits of two samples, left out where torch's own float32
              error makes its tolerance more than 1 % of the largest (efficientnet_v2_s, whose values grow from block to
              block on statistics that are not its own); `train`, in training mode without dropout and stochastic depth,
              the mean cross entropy of eight samples and the l2 norms of some of its gradients, with tolerances of 20 x
              torch's own float32 error; that of a norm is relative
"""
import json, os, sys
import blake3, monai, timm, torch, torchvision
from monai.networks.nets import BasicUNet
from torch import nn

torch.set_num_threads(2)
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "nn"))
from parity_values import images, tensor  # noqa: E402


class BrainUNetEncoder(nn.Module):
    """The contracting path of mateuszbuda/brain-segmentation-pytorch, `unet.py`, whose names it has; then a head."""

    def __init__(self, classes=2, width=32):
        super().__init__()
        self.encoder1, self.pool = self.block(3, width, "enc1"), nn.MaxPool2d(2)
        self.encoder2 = self.block(width, 2 * width, "enc2")
        self.encoder3 = self.block(2 * width, 4 * width, "enc3")
        self.encoder4 = self.block(4 * width, 8 * width, "enc4")
        self.bottleneck = self.block(8 * width, 16 * width, "bottleneck")
        self.fc = nn.Linear(16 * width, classes)

    @staticmethod
    def block(before, width, name):
        layers = nn.Sequential()
        for i, channels in (1, before), (2, width):
            layers.add_module(f"{name}conv{i}", nn.Conv2d(channels, width, 3, padding=1, bias=False))
            layers.add_module(f"{name}norm{i}", nn.BatchNorm2d(width))
            layers.add_module(f"{name}relu{i}", nn.ReLU())
        return layers

    def forward(self, x):
        for encoder in self.encoder1, self.encoder2, self.encoder3, self.encoder4:
            x = self.pool(encoder(x))
        return self.fc(self.bottleneck(x).mean((2, 3)))


class BasicUNetEncoder(nn.Module):
    """The contracting path of MONAI's BasicUNet; then a head."""

    def __init__(self, classes=2):
        super().__init__()
        whole = BasicUNet(2, 3, features=(32, 32, 64, 128, 256, 32), norm="batch",
                          act=("LeakyReLU", {"negative_slope": 0.1}))
        self.conv_0 = whole.conv_0
        self.down_1, self.down_2, self.down_3, self.down_4 = whole.down_1, whole.down_2, whole.down_3, whole.down_4
        self.fc = nn.Linear(256, classes)

    def forward(self, x):
        for part in self.conv_0, self.down_1, self.down_2, self.down_3, self.down_4:
            x = part(x)
        return self.fc(x.mean((2, 3)))


class ConvBn(nn.Sequential):
    def __init__(self, before, width):
        super().__init__()
        self.add_module("conv", nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False))
        self.add_module("bn", nn.BatchNorm2d(width))
        self.add_module("relu", nn.ReLU())


class Siamese(nn.Module):
    """One encoder for both views, one after the other; then what differs, or both."""

    def __init__(self, difference, classes=2):
        super().__init__()
        self.difference = difference
        self.encoder = nn.Sequential(ConvBn(3, 16), ConvBn(16, 32), ConvBn(32, 64))
        self.fc = nn.Linear(64 if difference else 128, classes)

    def forward(self, x):
        a, b = (self.encoder(view).mean((2, 3)) for view in x.chunk(2, 1))
        return self.fc((a - b).abs() if self.difference else torch.cat([a, b], 1))


def vision(name, maps, program, size=224):
    make = getattr(torchvision.models, name)
    return name, program, f"torchvision {name}", lambda classes: make(num_classes=classes), 1000, maps, size, 1


def image_models(name, maps, program, size=224):
    return name, program, f"timm {name}", lambda classes: timm.create_model(name, num_classes=classes), 1000, maps, size, 1


def own(name, maps, program, source, make, size=224, views=1):
    return name, program, source, make, 2, maps, size, views


def trunk(count):
    return [f"trunk_output.block{i}" for i in range(1, count + 1)]


NETWORKS = [
    vision("shufflenet_v2_x1_0", ["maxpool", "stage2", "stage3", "stage4", "conv5"], "shufflenet"),
    vision("mnasnet1_0", [f"layers.{i}" for i in (7, 8, 9, 10, 11, 12, 13, 16)], "mnasnet"),
    vision("regnet_y_400mf", ["stem", *trunk(4)], "regnet"),
    vision("regnet_x_400mf", ["stem", *trunk(4)], "regnet"),
    vision("efficientnet_v2_s", [f"features.{i}" for i in range(8)], "efficientnet_v2", 384),
    image_models("ghostnet_100", [f"blocks.{i}" for i in range(10)], "ghostnet"),
    image_models("repvgg_a0", ["stem", *(f"stages.{i}" for i in range(4))], "repvgg"),
    image_models("ese_vovnet19b_dw", ["stem", *(f"stages.{i}" for i in range(4))], "vovnet"),
    image_models("darknet53", ["stem", *(f"stages.{i}" for i in range(5))], "darknet", 256),
    image_models("legacy_xception", [f"block{i}" for i in range(1, 13)] + ["conv4"], "xception", 299),
    image_models("legacy_seresnet50", ["pool0", "layer1", "layer2", "layer3", "layer4"], "seresnet"),
    own("brain_unet_encoder", ["encoder1", "encoder2", "encoder3", "encoder4", "bottleneck"], "unet",
        "BrainUNetEncoder", BrainUNetEncoder, 256),
    own("basic_unet_encoder", ["conv_0", "down_1", "down_2", "down_3", "down_4"], "unet", "BasicUNetEncoder",
        BasicUNetEncoder),
    own("siamese_difference", ["encoder.0", "encoder.1", "encoder.2"], "siamese", "Siamese",
        lambda classes: Siamese(True, classes), 224, 2),
    own("siamese_concat", ["encoder.0", "encoder.1", "encoder.2"], "siamese", "Siamese",
        lambda classes: Siamese(False, classes), 224, 2),
]


def listing(model):
    lines = sorted(f"{k} {list(v.shape)}\n" for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked"))
    return len(lines), blake3.blake3("".join(lines).encode()).hexdigest()


def shapes(model, names, x):
    """The shape after each of these modules."""
    found, modules = {}, dict(model.named_modules())
    for name in names:
        modules[name].register_forward_hook(lambda _, __, y, name=name: found.update({name: list(y.shape[1:])}))
    with torch.no_grad():
        model.eval()(x)
    return [[name, found[name]] for name in names]


def build(make, classes, variances):
    model = make(classes)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if type(module).__name__ == "StochasticDepth":
            module.p = 0.0
        if getattr(module, "drop_rate", 0.0):
            module.drop_rate = 0.0
    last = [n for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                value.copy_(tensor(name, tuple(value.shape), variances, last))
    return model


def samples(name, count, size, views):
    """`[count, 3 views, size, size]`"""
    return images(name, count * views, size).reshape(count, 3 * views, size, size)


def measure(make, classes, size, views):
    norms = [n for n, m in make(classes).named_modules() if isinstance(m, nn.BatchNorm2d)]
    model, found = build(make, classes, {n: 1.0 for n in norms}).train(), {}
    for n, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(
                lambda _, x, __, n=n: found.__setitem__(n, float("%.2g" % x[0].var(dim=(0, 2, 3)).mean().item())))
    with torch.no_grad():
        model(samples("calibration", 4, size, views))
    return found


def small(make, size, views, classes=3):
    variances = measure(make, classes, size, views)
    x = samples("eval", 2, size, views)
    with torch.no_grad():
        single = build(make, classes, variances).eval()(x).double()
        double = build(make, classes, variances).double().eval()(x.double())
    noise, largest = (single - double).abs().max().item(), double.abs().max().item()
    result, tolerance = {"size": size, "variances": variances}, max(20 * noise, 2e-5 * largest)
    if tolerance < 0.01 * largest:
        result["eval"] = {"logits": double.tolist(), "tolerance": tolerance}

    def gradients(dtype):
        model = build(make, classes, variances).to(dtype).train()
        loss = nn.functional.cross_entropy(model(samples("train", 8, size, views).to(dtype)),
                                           torch.tensor([0, 1, 2, 0, 1, 2, 1, 0]))
        loss.backward()
        return loss.item(), {k: p.grad.double().norm().item() for k, p in model.named_parameters()}

    (loss, double), (loss32, single) = gradients(torch.float64), gradients(torch.float32)
    result["train"] = {"loss": loss, "tolerance": max(20 * abs(loss - loss32), 1e-4 * loss)}
    largest = max(double.values())
    sampled = sorted(double)[:: max(1, len(double) // 12)]
    result["train"]["gradients"] = {
        k: {"l2": double[k], "tolerance": float("%.3g" % max(2e-3, 20 * abs(double[k] - single[k]) / double[k]))}
        for k in sampled if double[k] > 1e-4 * largest}
    return result


if __name__ == "__main__":
    networks = {}
    for name, program, source, make, classes, maps, size, views in NETWORKS:
        model = make(classes)
        tensors, digest = listing(model)
        networks[name] = {
            "program": program, "from": source, "size": size, "views": views,
            "parameters": sum(p.numel() for p in model.parameters()), "tensors": tensors, "blake3": digest,
            "maps": shapes(model, maps, torch.zeros(1, 3 * views, size, size)),
            "small": small(make, 64, views),
        }
        found = networks[name]["small"]
        print(name, networks[name]["parameters"], "logits", found.get("eval"), "loss %.5g" % found["train"]["loss"],
              "gradients within %.2g" % max(g["tolerance"] for g in found["train"]["gradients"].values()), flush=True)
    source = (f"torch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}, "
              f"timm {timm.__version__}, monai {monai.__version__}")
    with open(f"{HERE}/networks.json", "w") as file:
        file.write('{"source": %s,\n"networks": {\n' % json.dumps(source))
        file.write(",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in networks.items()))
        file.write("\n}}\n")
