#!/usr/bin/env python3
"""From a saved change to a decision: how long `mtl watch` takes to know what is to be done.

    watch.py [--mtl target/release/mtl] [--stages 1000] [--edits 40]

The study is that of `overhead.py`. It is computed once, untimed; then its file is saved again and again, with a comment more
(nothing is to be done) and with another rate of one arm (ten stages are another, and those that run give way). What is timed is
from before the file is written to the line that tells the decision: the silence that ends a change is part of it. Needs Python
3.9 and no package.
"""
import argparse, json, pathlib, statistics, subprocess, tempfile, time

from overhead import Mtl


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--mtl", default="target/release/mtl")
    options.add_argument("--stages", type=int, default=1000)
    options.add_argument("--edits", type=int, default=40)
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        study = Mtl(str(pathlib.Path(options.mtl).resolve()))
        study.make(folder, options.stages // 10)
        command = [study.program, "watch", "study.mtl", "--format", "json"]
        watch = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        decided(watch)
        for what, edit in (
            ("a comment", lambda number: (folder / "study.mtl").open("a").write("// %d\n" % number)),
            ("a rate", lambda number: study.write(folder, 1.2 + number / 100)),
        ):
            times = []
            for number in range(options.edits):
                time.sleep(0.2)
                begun = time.monotonic()
                edit(number)
                decided(watch)
                times.append((time.monotonic() - begun) * 1e3)
            times.sort()
            print(
                "%d stages, %-9s  median %4.0f ms, largest %4.0f ms"
                % (options.stages, what, statistics.median(times), times[-1])
            )
        watch.terminate()
        watch.wait()


def decided(watch):
    for line in watch.stdout:
        if json.loads(line)["event"] == "decided":
            return


main()
