#!/usr/bin/env python3
"""Training steps of this crate against PyTorch on the CPU, in alternating pairs of processes.

    against_torch.py [--net resnet18] [--size 224] [--batch 16] [--pairs 10] [--steps 4] [--threads 2]

Both sides do the same step: forward, cross-entropy, backward, SGD with momentum 0.9 and decay 1e-4, in float32.
PyTorch runs channels last, with glibc's malloc told to keep its memory, which is its fastest setting on machines where
page faults are dear. Prints the medians of both and the median and range of the ratio of speeds; above 1 this crate
is faster. Needs torch and torchvision in the Python that runs it; without them only this crate is timed.
"""
import argparse, importlib.util, json, os, statistics, subprocess, sys

TORCH = """
import sys, time, torch, torchvision
net, size, batch, steps, threads = sys.argv[1], *map(int, sys.argv[2:6])
torch.set_num_threads(threads)
torch.manual_seed(0)
model = getattr(torchvision.models, net)(num_classes=1000).to(memory_format=torch.channels_last).train()
x = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
y = torch.arange(batch) * 37 % 1000
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
for step in range(steps + 1):
    start = time.perf_counter()
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
    if step:
        print("%.6f" % (time.perf_counter() - start))
"""


def build():
    """Builds the benchmark and returns its path."""
    command = ["cargo", "build", "--release", "--locked", "--bench", "train_step", "--message-format=json"]
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    lines = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    artifacts = [json.loads(line) for line in lines]
    return next(a["executable"] for a in artifacts if a.get("executable") and a["target"]["name"] == "train_step")


def median(command, **environment):
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    return statistics.median(float(line) for line in out.stdout.split())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", default="resnet18", choices=["resnet18", "alexnet"])
    for name, value in {"size": 224, "batch": 16, "pairs": 10, "steps": 4, "threads": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    a = parser.parse_args()
    step = [a.net, str(a.size), str(a.batch), str(a.steps), str(a.threads)]
    binary, torch = build(), all(importlib.util.find_spec(m) for m in ("torch", "torchvision"))
    ours, theirs = [], []
    for _ in range(a.pairs):
        ours.append(median([binary, *step]))
        if torch:
            keep = str(2**31 - 1)
            theirs.append(median([sys.executable, "-c", TORCH, *step], MALLOC_MMAP_THRESHOLD_=keep, MALLOC_TRIM_THRESHOLD_=keep))
    speed = lambda seconds: a.batch / statistics.median(seconds)
    print(f"{a.net} {a.size}x{a.size}, batch {a.batch}, {a.threads} threads, {a.pairs} pairs of {a.steps} steps")
    print(f"this crate  {speed(ours):8.2f} images/s")
    if torch:
        ratios = sorted(t / o for o, t in zip(ours, theirs))
        print(f"PyTorch     {speed(theirs):8.2f} images/s")
        print(f"ratio       {statistics.median(ratios):8.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
