"""Weight files as PyTorch writes them, and the values that are in them.

Made with Python 3.11.7, torch 2.15.0: `python make.py` in this folder writes the files beside it.
zip.pth and legacy.pth hold every kind of view and type that is read; the others are for the small network of the tests.
"""

import collections
import json
import os

import torch

torch.manual_seed(0)


def save(value, name, new):
    torch.save(value, name, _use_new_zipfile_serialization=new)


def kinds():
    """Views and types: permuted, sliced, expanded, two tensors of one storage, an empty one, a scalar, a parameter."""
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    state = collections.OrderedDict()
    state["contiguous"] = torch.randn(4, 3, 3, 3)
    state["permuted"] = base.permute(2, 0, 1)
    state["sliced"] = base[:, 1:, ::2]
    state["expanded"] = torch.tensor([1.5]).expand(5)
    state["float16"] = torch.tensor([1.0, -2.5, 6.1e-5, 5.96e-8, 65504.0]).half()
    state["bfloat16"] = torch.randn(5).bfloat16()
    state["float64"] = torch.randn(5).double() * 1.0000000001
    state["bn.num_batches_tracked"] = torch.tensor(7)
    state["parameter"] = torch.nn.Parameter(torch.randn(2, 2))
    state["empty"] = torch.empty(0, 3)
    state["scalar"] = torch.tensor(3.25)
    return state


def tiny():
    """The network `tiny` of the tests."""
    return torch.nn.Sequential(
        collections.OrderedDict(
            conv1=torch.nn.Conv2d(3, 4, 3), conv2=torch.nn.Conv2d(4, 8, 3), fc=torch.nn.Linear(8, 3)
        )
    ).state_dict()


class Unsafe:
    def __reduce__(self):
        return os.system, ("echo executed",)


state = kinds()
save(state, "zip.pth", True)
save(state, "legacy.pth", False)
floats = {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}
expected = {
    name: {
        "shape": list(tensor.shape),
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "float32_bits": tensor.detach().float().contiguous().view(torch.int32).flatten().tolist(),
    }
    for name, tensor in floats.items()
}
with open("expected.json", "w") as file:
    json.dump({"torch": torch.__version__, "tensors": expected}, file, indent=1)
    file.write("\n")



def adapted(weight, how, channels):
    """A first layer for other channels, in float64 and rounded once. `sum` to one channel and `replicate` from three are
    what timm's `adapt_input_conv` does."""
    weight, old = weight.double(), weight.shape[1]
    if how == "replicate":
        repeats = -(-channels // old)
        return (weight.repeat(1, repeats, 1, 1)[:, :channels] * (old / channels)).float()
    whole = weight.sum(1, keepdim=True) / (channels if how == "sum" else old)
    return whole.repeat(1, channels, 1, 1).float()


weights = tiny()
first = [
    {
        "how": how,
        "channels": channels,
        "float32_bits": adapted(weights["conv1.weight"], how, channels).view(torch.int32).flatten().tolist(),
    }
    for how, channels in [("sum", 1), ("mean", 1), ("replicate", 1), ("replicate", 4), ("sum", 2), ("mean", 4)]
]
with open("adapted.json", "w") as file:
    json.dump({"torch": torch.__version__, "file": "tiny.pth", "first": first}, file)
    file.write("\n")
save(weights, "tiny.pth", True)
save({"epoch": 3, "state_dict": {"module." + name: tensor for name, tensor in weights.items()}}, "checkpoint.pth", False)
save({"weights": weights, "then": Unsafe()}, "unsafe.pth", True)
