"""Seconds and peak memory of the networks in PyTorch, each case in a process of its own.

    python bench.py [--case NAME] [--dtype f32|bf16|f16|all] [--way best|official|all] [--turns K]
                    [--threads N] [--device cpu|cuda]

Prints a JSON line for each: case, dtype, way, seconds (median), all, peak_rss_bytes (largest resident
size of the process), base_rss_bytes (resident before the network was built), and on a GPU peak_bytes
of its memory."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import torch

import cases


# PyTorch frees large tensors to the system; glibc told to keep the pages saves it their faults.
KEEP_PAGES = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296",
              "MALLOC_TOP_PAD_": "67108864"}


def status_bytes(field):
    """A size of /proc/self/status in bytes; 0 where there is none."""
    try:
        with open("/proc/self/status") as f:
            for line in f:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def reset_peak():
    """Count the largest resident size from now on, where the system allows it: what building the
    weights needed does not belong to the network."""
    try:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
    except OSError:
        pass


def measure(name, dtype, way, turns, threads, device):
    torch.set_num_threads(threads)
    torch.set_default_device(device)
    on_gpu = torch.device(device).type == "cuda"
    base = status_bytes("VmRSS")
    step = cases.make(name, dtype, way)
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    reset_peak()
    step()
    wait()
    times = []
    for _ in range(turns):
        begun = time.perf_counter()
        step()
        wait()
        times.append(time.perf_counter() - begun)
    return {"case": name, "dtype": dtype, "way": way, "seconds": statistics.median(times),
            "all": times, "peak_rss_bytes": status_bytes("VmHWM"), "base_rss_bytes": base,
            "threads": threads, "device": device,
            "peak_bytes": torch.cuda.max_memory_allocated() if on_gpu else None}


def in_process(name, dtype, way, turns, threads, device="cpu"):
    """The row of one case, from a fresh process; None, with a line on stderr, when it failed."""
    command = [sys.executable, __file__, "--here", "--case", name, "--dtype", dtype, "--way", way,
               "--turns", str(turns), "--threads", str(threads), "--device", device]
    env = dict(os.environ, **(KEEP_PAGES if way == "best" else {}))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env)
    if done.returncode:
        print(f"{name} {dtype} {way}: exit code {done.returncode}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def every(device):
    """The element types that a device is fast in."""
    if device == "cpu":
        return ("f32", "bf16")
    return ("f32", "f16", "bf16") if torch.cuda.get_device_capability(device)[0] >= 8 else ("f32", "f16")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--case", choices=cases.NAMES, action="append")
    parser.add_argument("--dtype", choices=("f32", "bf16", "f16", "all"), default="all")
    parser.add_argument("--way", choices=("best", "official", "all"), default="all")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    dtypes = every(args.device) if args.dtype == "all" else (args.dtype,)
    ways = ("best", "official") if args.way == "all" else (args.way,)
    run, failed = measure if args.here else in_process, False
    for name in args.case or cases.NAMES:
        for dtype in dtypes:
            for way in ways:
                row = run(name, dtype, way, args.turns, args.threads, args.device)
                failed = failed or row is None
                if row:
                    print(json.dumps(row), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
