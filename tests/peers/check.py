"""Compare the networks with the recorded full-size numbers of the official code.

    python check.py GOLDEN_DIR [--way best|official|both] [--only NAME] [--threads N]

GOLDEN_DIR holds <model>/<case>/case.json and io.safetensors. One line per tensor group; the exit code
says whether everything agreed."""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import torch

import formula
from hiera import prepare
from medsam2 import MedSam2, sine_grid
from sam_med3d import SamMed3d
from student import Student, doubled
from tiny import tiny_sam_med3d
from tracker import Tracker, resize


def tap(module, name, got, turn=lambda x: x):
    def keep(_module, _inputs, y):
        if name not in got:
            got[name] = turn(y)

    module.register_forward_hook(keep)


def student(case, io, best):
    got, net = {}, formula.build(lambda: Student(best))
    for i, block in enumerate(net.image_encoder.blocks):
        tap(block, f"slice0.enc.block{i}", got, lambda y: y[:1])
    turn = doubled if best else lambda y: y  # best doubles when it reads
    for level in (5, 4, 3, 2):
        name = f"decoder{level}"
        step = case["sample_stride"][name]
        tap(getattr(net, name), name, got,
            lambda y, step=step: Sampled(turn(y).contiguous().flatten()[::step].clone()))
    got["features"] = net.encode(formula.tensor("input", (1, 1, 128, 128, 128)))
    logits = net.decode(got["features"], deep=True)
    got.update(zip(("logits", "logits_ds2", "logits_ds3"), logits))
    return got


class Sampled:
    """A tensor of which only the samples were kept."""

    def __init__(self, values):
        self.values = values


def tap_encoder3d(got, encoder):
    tap(encoder.patch_embed, "enc.patch_embed", got)
    for i in (0, 2):
        tap(encoder.blocks[i].attn, f"enc.block{i}.attn", got)
    for i, block in enumerate(encoder.blocks):
        tap(block, f"enc.block{i}", got)


def tap_tiny(got, encoder):
    def tokens(y):
        return y.flatten(2).transpose(1, 2)

    tap(encoder.patch_embed, "enc.patch_embed", got)
    for i, stage in enumerate(encoder.layers):
        for j, block in enumerate(stage.blocks):
            tap(block, f"enc.layer{i}.block{j}", got, tokens if i else lambda y: y)
        if i < 3:
            tap(stage.downsample, f"enc.layer{i}.downsample", got, tokens)


def prompted(case, io, best):
    got, config = {}, case["config"]
    if case["model"] == "sam_med3d":
        net = formula.build(lambda: SamMed3d(best))
        tap_encoder3d(got, net.image_encoder)
    else:
        net = formula.build(lambda: tiny_sam_med3d(best, config["num_experts"]))
        if best:
            net.image_encoder.fold()
        tap_tiny(got, net.image_encoder)
    for i in (0, 2):
        tap(net.image_encoder.neck[i], f"enc.neck{i}", got)
    embedding = net.encode(formula.tensor("input", (1, 1, 128, 128, 128)))
    points, labels = (torch.tensor(io[f"in.{name}"]) for name in ("points", "labels"))
    got["image_embedding"], got["sparse"] = embedding, net.prompt_encoder.sparse(points, labels)
    got["masks_all"], got["iou_all"] = net.decode(embedding, points, labels)
    mask = got["masks_all"][:, :1]
    low, iou = net.decode(embedding, points, labels, mask)
    got["second.dense"] = net.prompt_encoder.dense(mask)
    got["second.low_res_masks"], got["second.iou"] = low[:, :1], iou[:, :1]
    got["second.full_res_masks"] = net.full(low[:, :1])
    return got


def tracked(case, io, best):
    net = formula.build(lambda: MedSam2(best), "medsam2")
    size = (case["num_frames"], 512, 512)
    u = formula.uniform("input", 0, int(np.prod(size)))
    slices, got = np.floor(256 * u).astype(np.uint8).reshape(size), {}
    first = net.image_encoder.trunk(prepare(slices[:1]))
    got.update((f"slice0/trunk{i}", x) for i, x in enumerate(first))
    names = ("high_res_s0", "high_res_s1", "fpn2")
    got.update(zip((f"slice0/{name}" for name in names), net.encode(prepare(slices[:1]))))
    got["slice0/pos2"] = sine_grid(256)
    for storage in ("bf16", "f32"):
        tracker = Tracker(net, slices, torch.bfloat16 if storage == "bf16" else torch.float32)
        for at, op in enumerate(case["ops"]):
            key = f"{storage}/op{at:02d}/"
            if op["op"] == "reset_state":
                tracker.reset()
            elif op["op"] == "add_points":
                low, log = tracker.box(op["frame"], op["box"]), tracker.log
                got[key + "logits"] = resize(low, 512)
                for name, mine in (("multimasks", "shown"), ("ious", "ious"), ("all_ious", "all_ious"),
                                   ("object_score", "score"), ("head_obj_ptr", "pointer"),
                                   ("all_masks", "all_masks"), ("pix_feat", "feature")):
                    got[key + name] = log[mine]
            elif op["op"] == "propagate":
                propagated(got, key, tracker, op, io)
    return got


def propagated(got, key, tracker, op, io):
    logits, logs = [], []
    for t, full in tracker.propagate(op["start"], op.get("reverse", False)):
        logits.append(full)
        if t not in tracker.cond:
            logs.append(tracker.log)
    got[key + "logits"] = torch.stack(logits)
    for name, mine in (("ious", "ious"), ("multimasks", "shown"), ("pix_feat_with_mem", "feature")):
        got[key + name] = torch.stack([log[mine] for log in logs])
    got[key + "last_memory"] = logs[-1]["memory"].transpose(0, 1)
    got[key + "last_memory_pos"] = logs[-1]["position"].transpose(0, 1)
    for kind, entries in (("cond", tracker.cond), ("noncond", tracker.noncond)):
        for name, mine in (("pred_masks", "low"), ("obj_ptr", "pointer"),
                           ("object_score_logits", "score"), ("maskmem_features", "memory")):
            values = [entries[int(t)][mine] for t in io[f"{key}state/{kind}_frames"]]
            got[f"{key}state/{kind}_{name}"] = torch.stack(values)


def limits_sam(case, io):
    """(name, reference, stride, limit, share of samples that may exceed it)"""
    for name, stride in case["sample_stride"].items():
        key = f"sample.{name}"
        yield name, io[key], stride, case["tolerances"][key]["abs_limit"], 0.0


def limits_medsam2(case, io):
    for name, s in case["stats"].items():
        largest = max(abs(s["min"]), abs(s["max"]))
        if name.startswith("slice0/"):
            yield name, io[name], s["stride"], 1e-4 * largest, 0.0
        else:
            yield name, io[name], s["stride"], max(40 * s["noise_max"], 2e-4 * largest), 0.01


def compare(rows, got):
    """Prints the outcome; returns whether all agree."""
    worst, bad, missing, count = (0.0, ""), [], [], 0
    for name, want, stride, limit, share in rows:
        if name not in got:
            missing.append(name)
            continue
        mine = got[name]
        if isinstance(mine, Sampled):
            values = mine.values
        else:
            values = mine.float().contiguous().flatten()[::stride]
        if len(values) != want.size and len(values) >= want.size and limit and share:
            values = values[: want.size]  # recorded with one sample less than the stride gives
        if len(values) != want.size:
            missing.append(f"{name} ({len(values)} samples, recorded {want.size})")
            continue
        count += 1
        off = np.abs(values.numpy() - want.ravel())
        worst = max(worst, (float(np.quantile(off, 1 - share)) / limit, name))
        if (off > limit).mean() > share:
            bad.append(f"{name}: {off.max():.3g}, limit {limit:.3g}")
    print(f"  {count} tensors compared, largest difference {worst[0]:.2f} of the limit ({worst[1]})")
    if missing:
        print("  not compared:", ", ".join(missing))
    for line in bad:
        print("  DIFFERS", line)
    return not bad and count > 0


RUN = {"slicing_sam3d": student, "sam_med3d": prompted, "tiny_sam_med3d": prompted,
       "medsam2": tracked}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("golden")
    parser.add_argument("--way", choices=("best", "official", "both"), default="both")
    parser.add_argument("--only", default="", help="part of <model>/<case>")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    agree, ran = True, 0
    for path in sorted(pathlib.Path(args.golden).glob("*/full*/case.json")):
        case = json.loads(path.read_text())
        model = case.get("model", path.parent.parent.name)
        if model not in RUN or args.only not in str(path.parent):
            continue
        io = formula.read_safetensors(path.parent / "io.safetensors")
        for way in ("best", "official") if args.way == "both" else (args.way,):
            begun = time.perf_counter()
            with torch.no_grad():
                got = RUN[model](case, io, way == "best")
            print(f"{model}/{path.parent.name} {way} ({time.perf_counter() - begun:.1f} s)")
            rows = limits_medsam2 if model == "medsam2" else limits_sam
            agree, ran = compare(rows(case, io), got) and agree, ran + 1
    if ran == 0:
        sys.exit(f"no full-size case below {args.golden}")
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
