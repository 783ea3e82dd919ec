"""MedSAM2 through a volume: memory bank, tracked slices, propagation from a box."""

import torch
import torch.nn.functional as F

from hiera import prepare
from medsam2 import MEM, MEMORIES, POINTERS, SIZE, sine_grid, sine_line


def fill_holes(low, area=8):
    """8-connected components of low <= 0 with at most `area` pixels become 0.1. low [1, 1, h, w]."""
    hole = low <= 0
    own = torch.arange(1, low.numel() + 1, dtype=torch.float32).view(low.shape)
    label = torch.where(hole, own, 0.0)
    for _ in range(area):  # enough for every component that is small enough
        label = torch.where(hole, F.max_pool2d(label, 3, 1, 1), 0.0)
    least = -F.max_pool2d(torch.where(hole, -label, -torch.inf), 3, 1, 1)
    mixed = hole & ((F.max_pool2d(label, 3, 1, 1) != label) | (least != label))
    at = label.long()
    size = torch.bincount(at.flatten(), minlength=low.numel() + 1)
    size.index_fill_(0, at[mixed], low.numel())  # label not spread over all of a large component
    return torch.where(hole & (size[at] <= area), 0.1, low)


def resize(low, size):
    return F.interpolate(low, (size, size), mode="bilinear", align_corners=False)


class Tracker:
    """One object in one volume: slices u8 [d, 512, 512]. Memories are stored in bf16, as the official
    predictor does in every precision."""

    def __init__(self, net, slices, memory_dtype=torch.bfloat16):
        self.net, self.slices, self.memory_dtype = net, slices, memory_dtype
        self.features, self.log, self.images = {}, {}, None
        self.reset()

    def reset(self):
        self.cond, self.noncond = {}, {}

    def prepared(self, chosen):
        """Normalised slices. The official session begins with the whole volume."""
        if self.net.best:
            return prepare(self.slices[chosen])
        if self.images is None:
            self.images = prepare(self.slices)
        return self.images[chosen]

    def encoded(self, t):
        """Features of slice t, kept until the next slice; best: those of the prompted slice stay for
        the second pass. Several slices at once are no faster: one already fills the machine."""
        if t not in self.features:
            prompted = {s: f for s, f in self.features.items() if s in self.cond and self.net.best}
            self.features = {**prompted, t: self.net.encode(self.prepared([t]))}
        return self.features[t]

    def store(self, out, memory):
        return {"memory": memory.to(self.memory_dtype), "pointer": out["pointer"], "low": out["low"],
                "score": out["score"]}

    def box(self, t, box):
        """Prompt slice t (before any tracking) with x0, y0, x1, y1; what the decoder gave."""
        s0, s1, f2 = self.encoded(t)
        points = torch.tensor([box], dtype=torch.float32).view(1, 2, 2)
        feature = f2 + self.net.no_mem_embed.view(1, -1, 1, 1)
        out = self.net.heads(feature, s0, s1, points, torch.tensor([[2, 3]]))
        out["low"] = fill_holes(out["low"])
        memory = self.net.remember(f2, resize(out["low"], SIZE), out["score"], True)
        self.cond = {t: self.store(out, memory)}
        self.log = dict(out, feature=feature)
        return out["low"]

    def bank(self, t, reverse):
        """Memory tokens [1, m, 64], their positions, and how many of them are pointers."""
        sign = 1 if reverse else -1
        entries = [(e, MEMORIES - 1) for e in self.cond.values()]
        for rel in range(MEMORIES - 1, 0, -1):
            e = self.noncond.get(t + sign * rel)
            if e:
                entries.append((e, rel - 1))
        grid = self.net.constant("sine64", lambda: sine_grid(MEM).flatten(2).transpose(1, 2))
        tokens = [e["memory"].flatten(2).transpose(1, 2) for e, _ in entries]
        places = [grid + self.net.maskmem_tpos_enc[row].float() for _, row in entries]
        count = min(len(self.slices), POINTERS)
        pointers = [(e, (s - t) * sign) for s, e in self.cond.items() if (s - t) * sign >= 0]
        for p in range(1, count):
            e = self.noncond.get(t + sign * p)
            if e:
                pointers.append((e, p))
        if pointers:
            far = torch.tensor([p for _, p in pointers], dtype=torch.float32) / (count - 1)
            line = self.net.obj_ptr_tpos_proj(sine_line(far).to(self.net.dtype))
            both = torch.cat([e["pointer"] for e, _ in pointers]).view(1, -1, MEM)
            tokens.append(both)
            places.append(line.repeat_interleave(4, 0)[None])
        dtype = self.net.dtype
        return (torch.cat([x.to(dtype) for x in tokens], 1), torch.cat([x.to(dtype) for x in places], 1),
                4 * len(pointers))

    def track(self, t, reverse):
        """One slice without a prompt: memory attention, decoder, memory encoder."""
        s0, s1, f2 = self.encoded(t)
        memory, position, pointers = self.bank(t, reverse)
        feature = self.net.condition(f2, memory, position, pointers)
        out = self.net.heads(feature, s0, s1)
        remembered = self.net.remember(f2, resize(out["low"], SIZE), out["score"], False)
        out["low"] = fill_holes(out["low"])
        self.noncond[t] = self.store(out, remembered)
        self.log = dict(out, feature=feature, memory=memory, position=position)
        return out["low"]

    def propagate(self, start, reverse):
        """Yields slice and mask logits at full size from the prompted slice to an end."""
        if reverse and start == 0:
            return
        for t in range(start, -1, -1) if reverse else range(start, len(self.slices)):
            low = self.cond[t]["low"] if t in self.cond else self.track(t, reverse)
            yield t, resize(low, SIZE)

    def segment(self, t, box):
        """The two passes of the official script: box, forward, reset, the same box, reverse."""
        masks = torch.zeros(len(self.slices), SIZE, SIZE, dtype=torch.bool)
        for reverse in (False, True):
            self.reset()
            self.box(t, box)
            for s, logits in self.propagate(t, reverse):
                masks[s] |= logits[0, 0] > 0
        return masks


def full_bank(net, slices, make):
    """A tracker before slice 16 with seven memories and sixteen pointers from make(name, shape)."""
    tracker = Tracker(net, slices)
    for t in range(16):
        entry = {"memory": make(f"memory{t}", (1, MEM, 32, 32)).to(tracker.memory_dtype),
                 "pointer": make(f"pointer{t}", (1, 256)).to(net.dtype)}
        (tracker.noncond if t else tracker.cond)[t] = entry
    return tracker
