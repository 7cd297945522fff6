#!/usr/bin/env python3
"""What it costs to find that nothing is to be done: this program beside ninja, make -r and Snakemake on the same graph.

    overhead.py [--mtl target/release/mtl] [--stages 10 1000 10000] [--tools mtl ninja make snakemake] [--runs 5] [--folder F]

The graph has an arm for every ten stages: five trainings that take from one source, a score of each, and one table of all
scores. In MTL it is a study of a tiny network over a rate per arm, in five folds; for the others each arm's stages depend on
a file of its own, and their commands copy files. All is built once, untimed. Then, of several runs the one with the least
CPU is printed, user and system together, children included, with its largest memory:

  nothing   the command that would build: `mtl run`, `ninja`, `make -r`, `snakemake --cores 1`
  leaf      after one arm was edited, what it would do: `mtl plan`, `ninja -n`, `make -rn`, `snakemake -n`

A tool that is not installed is named and left out. Needs Python 3.9 and no package.
"""
import argparse, os, pathlib, resource, shutil, subprocess, sys, tempfile, zipfile

FOLDS = 5


def npy(shape, values):
    """The bytes of an array of unsigned bytes."""
    head = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }" % (tuple(shape),)
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + bytes(values)


def pictures(path):
    """An archive of 60 pictures of 8 x 8 in two classes, as MedMNIST's are made."""
    with zipfile.ZipFile(path, "w") as archive:
        for part in ("train", "val", "test"):
            count = 60 if part == "val" else 2
            grey = [(place * 7 + place // 64 * 31) % 256 for place in range(count * 64)]
            archive.writestr(part + "_images.npy", npy((count, 8, 8), grey))
            archive.writestr(part + "_labels.npy", npy((count, 1), [place % 2 for place in range(count)]))


class Mtl:
    name = "mtl"

    def __init__(self, program):
        self.program = program

    def make(self, folder, arms):
        pictures(folder / "pictures.npz")
        self.arms = arms
        self.write(folder, 1.0)
        subprocess.run(self.nothing(), cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write(self, folder, last):
        rates = ["%.7g" % (1e-3 * (1 + arm / 1000)) for arm in range(self.arms - 1)] + ["%.7g" % (1e-2 * last)]
        (folder / "study.mtl").write_text(
            """net tiny(classes: int = 2) {
  x |> conv1: conv(2, 3, stride: 2, pad: 1) |> relu |> global_avgpool |> fc: linear(classes)
}
let pictures = npz("pictures.npz") |> where((r) => r.split == "val") |> rgb |> normalize(imagenet)
let cohort = pictures |> split(kfold(5), seed: 1)
let task = cohort |> classify("label", { yes: [1], no: [0] })
let scores = for lr in [%s] { tiny() |> finetune(task, epochs: 1, lr: lr) |> evaluate(task) }
out study = scores |> export("scores.csv")
"""
            % ", ".join(rates)
        )

    def nothing(self):
        return [self.program, "run", "study.mtl"]

    def edit(self, folder):
        self.write(folder, 1.1)

    def leaf(self):
        return [self.program, "plan", "study.mtl"]


class Files:
    """The graph as files that are copied."""

    def make(self, folder, arms):
        (folder / "pictures").write_text("pictures\n")
        for arm in range(arms):
            (folder / ("arm%d" % arm)).write_text("%d\n" % arm)
        self.rules(folder, arms)
        self.build(folder, arms)

    def build(self, folder, arms):
        subprocess.run(self.nothing(), cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def edit(self, folder):
        (folder / "arm0").write_text("edited\n")


def models(arms):
    return [(arm, fold) for arm in range(arms) for fold in range(FOLDS)]


class Ninja(Files):
    name = "ninja"

    def rules(self, folder, arms):
        lines = ["rule copy", "  command = cp $first $out", "rule join", "  command = cat arm0 > $out"]
        for arm, fold in models(arms):
            model, score = "model%d_%d" % (arm, fold), "score%d_%d" % (arm, fold)
            lines += ["build %s: copy pictures arm%d" % (model, arm), "  first = arm%d" % arm]
            lines += ["build %s: copy %s pictures" % (score, model), "  first = " + model]
        lines.append("build table: join " + " ".join("score%d_%d" % model for model in models(arms)))
        (folder / "build.ninja").write_text("\n".join(lines) + "\n")

    def nothing(self):
        return ["ninja"]

    def leaf(self):
        return ["ninja", "-n"]


class Make(Files):
    name = "make"

    def rules(self, folder, arms):
        lines = ["table: " + " ".join("score%d_%d" % model for model in models(arms)), "\tcat arm0 > table"]
        for arm, fold in models(arms):
            lines += ["model%d_%d: pictures arm%d" % (arm, fold, arm), "\tcp arm%d $@" % arm]
            lines += ["score%d_%d: model%d_%d pictures" % (arm, fold, arm, fold), "\tcp $< $@"]
        (folder / "Makefile").write_text("\n".join(lines) + "\n")

    def nothing(self):
        return ["make", "-r"]

    def leaf(self):
        return ["make", "-rn"]


class Snakemake(Files):
    name = "snakemake"

    def rules(self, folder, arms):
        (folder / "Snakefile").write_text(
            """ARMS, FOLDS = range(%d), range(%d)
rule table:
    input: expand("score{arm}_{fold}", arm=ARMS, fold=FOLDS)
    output: "table"
    shell: "cat arm0 > {output}"
rule model:
    input: "pictures", "arm{arm}"
    output: "model{arm}_{fold}"
    shell: "cp {input[1]} {output}"
rule score:
    input: "model{arm}_{fold}", "pictures"
    output: "score{arm}_{fold}"
    shell: "cp {input[0]} {output}"
"""
            % (arms, FOLDS)
        )

    def build(self, folder, arms):
        # One process per job would take it hours; it takes files that are there for its own when it is told to touch them.
        for arm, fold in models(arms):
            (folder / ("model%d_%d" % (arm, fold))).write_text("%d\n" % arm)
        for arm, fold in models(arms):
            (folder / ("score%d_%d" % (arm, fold))).write_text("%d\n" % arm)
        (folder / "table").write_text("0\n")
        touch = self.nothing() + ["--touch"]
        subprocess.run(touch, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def nothing(self):
        return ["snakemake", "--cores", "1"]

    def leaf(self):
        return ["snakemake", "-n"]


def measured(command, folder, runs):
    """CPU seconds and MB of the cheapest of some runs."""
    found = []
    for _ in range(runs):
        pid = os.fork()
        if pid == 0:
            os.chdir(folder)
            quiet = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(quiet, stream)
            try:
                os.execvp(command[0], command)
            finally:
                os._exit(127)
        _, status, usage = os.wait4(pid, 0)
        if status != 0:
            sys.exit("`%s` failed in %s" % (" ".join(command), folder))
        found.append((usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000))
    return min(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--mtl", default=str(root / "target/release/mtl"))
    parser.add_argument("--stages", type=int, nargs="+", default=[10, 1000, 10000])
    parser.add_argument("--tools", nargs="+", default=["mtl", "ninja", "make", "snakemake"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", help="where the graphs are made [default: a temporary folder]")
    asked = parser.parse_args()
    tools = [Mtl(os.path.abspath(asked.mtl)), Ninja(), Make(), Snakemake()]
    tools = [tool for tool in tools if tool.name in asked.tools]
    for tool in [tool for tool in tools if shutil.which(tool.nothing()[0]) is None]:
        print("%s is not installed" % tool.nothing()[0])
        tools.remove(tool)
    print("%-10s %7s  %14s  %11s  %14s  %11s" % ("", "stages", "nothing CPU ms", "memory MB", "leaf CPU ms", "memory MB"))
    with tempfile.TemporaryDirectory(dir=asked.folder) as temporary:
        for stages in asked.stages:
            for tool in tools:
                folder = pathlib.Path(temporary) / ("%s%d" % (tool.name, stages))
                folder.mkdir()
                tool.make(folder, max(stages // (2 * FOLDS), 1))
                runs = asked.runs if tool.name != "snakemake" else 1
                measured(tool.nothing(), folder, 1)
                nothing = measured(tool.nothing(), folder, runs)
                tool.edit(folder)
                leaf = measured(tool.leaf(), folder, runs)
                row = (tool.name, stages, nothing[0] * 1e3, nothing[1], leaf[0] * 1e3, leaf[1])
                print("%-10s %7d  %14.1f  %11.1f  %14.1f  %11.1f" % row, flush=True)


if __name__ == "__main__":
    main()
