"""semisam and PyTorch in turns on this machine; a Markdown table of seconds and peak memory.

    python compare.py --semisam PATH [--case NAME]... [--dtype f32|bf16] [--rounds R] [--turns K]
                      [--threads N] [--no-official] [--least]

Each round runs semisam, then PyTorch, each case in a fresh process, so that whatever else the machine
does hits both. Seconds are medians over all turns of all rounds, or with --least the least of them, for
a machine that others slow down for minutes; memory is the largest resident size
less what was resident before the network was built, median over rounds."""

import argparse
import json
import statistics
import subprocess
import sys

import bench
import cases


def semisam_row(path, name, dtype, turns, threads):
    command = [path, "--threads", str(threads), "bench", "models", f"case={name}", f"dtype={dtype}",
               f"turns={turns}", "json=true"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            if row["case"] == name and row["dtype"] == dtype:
                return row
    print(f"{name} {dtype}: no result from semisam (exit code {done.returncode})", file=sys.stderr)
    return None


class Side:
    """Results of one program for one case."""

    def __init__(self, least):
        self.seconds, self.memory, self.typical = [], [], min if least else statistics.median

    def add(self, row):
        if row:
            self.seconds += row.get("all") or [row["seconds"]]
            self.memory.append(row["peak_rss_bytes"] - row["base_rss_bytes"])

    def time(self):
        return self.typical(self.seconds) if self.seconds else None

    def peak(self):
        return statistics.median(self.memory) / 1e6 if self.memory else None


def shown(value, form):
    return "-" if value is None else form.format(value)


def ratio(other, own):
    return "-" if other is None or own is None or own <= 0 else f"{other / own:.2f}"


HEADER = ("case", "type", "semisam s", "torch best s", "best / semisam", "torch official s",
          "official / semisam", "semisam MB", "torch best MB", "best / semisam")


def line(name, dtype, own, best, official):
    cells = (name, dtype, shown(own.time(), "{:.3f}"), shown(best.time(), "{:.3f}"),
             ratio(best.time(), own.time()), shown(official.time(), "{:.3f}"),
             ratio(official.time(), own.time()), shown(own.peak(), "{:.0f}"),
             shown(best.peak(), "{:.0f}"), ratio(best.peak(), own.peak()))
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--semisam", required=True, help="the program")
    parser.add_argument("--case", choices=cases.NAMES, action="append")
    parser.add_argument("--dtype", choices=("f32", "bf16"), action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=bench.cores())
    parser.add_argument("--no-official", action="store_true", help="only the best PyTorch")
    parser.add_argument("--least", action="store_true", help="least seconds in place of medians")
    args = parser.parse_args()
    print("| " + " | ".join(HEADER) + " |")
    print("|" + "---|" * len(HEADER), flush=True)
    complete = True
    for name in args.case or cases.NAMES:
        for dtype in args.dtype or ["f32"]:
            own, best, official = (Side(args.least) for _ in range(3))
            for _ in range(args.rounds):
                own.add(semisam_row(args.semisam, name, dtype, args.turns, args.threads))
                best.add(bench.in_process(name, dtype, "best", args.turns, args.threads))
                if not args.no_official:
                    official.add(bench.in_process(name, dtype, "official", args.turns, args.threads))
            print(line(name, dtype, own, best, official), flush=True)
            complete = complete and bool(own.seconds and best.seconds)
    sys.exit(0 if complete else 1)


if __name__ == "__main__":
    main()
