"""Weights and inputs by formula: every element is a hash of its tensor's name and its place."""

import json
import re
import struct

import numpy as np
import torch

CHUNK = 1 << 16  # elements hashed at once, so that the filling itself hardly shows in peak memory

_MIX = [(30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)]

# Tensors of MedSAM2 whose usual value is multiplied and shifted: (pattern, factor, shift).
_MEDSAM2_EXTRA = [
    (r"\.gamma$", 25.0, 0.0),
    (r"positional_encoding_gaussian_matrix$", 8.0, 0.0),
    (r"output_hypernetworks_mlps\.[0-3]\.layers\.2\.weight$", 20.0, 0.0),
    (r"^sam_mask_decoder\.pred_obj_score_head\.layers\.2\.bias$", 1.0, 1.0),
]


def fnv1a(name):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def uniform(name, start, count):
    """u in [0, 1) of elements start .. start + count - 1 of tensor `name`, float64."""
    z = np.arange(start, start + count, dtype=np.uint64)
    z += np.uint64((fnv1a(name) + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
    for shift, factor in _MIX:
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) / 2.0**24


def fill_(out, name, scale=1.0, offset=0.0, then=(1.0, 0.0)):
    """Write then[1] + then[0] * (offset + scale * (2u - 1)) into the contiguous tensor `out`."""
    flat = out.detach().view(-1)
    for start in range(0, flat.numel(), CHUNK):
        count = min(CHUNK, flat.numel() - start)
        x = (2.0 * uniform(name, start, count) - 1.0) * scale + offset
        flat[start : start + count] = torch.from_numpy(x * then[0] + then[1])
    return out


def tensor(name, shape, scale=1.0):
    return fill_(torch.empty(shape), name, scale)


def _sam(name, shape):
    """Scale and offset for SAM-Med3D, Tiny SAM-Med3D and the student."""
    leaf = name.rsplit(".", 1)[-1]
    fixed = {
        "running_var": (0.1, 1.0),
        "positional_encoding_gaussian_matrix": (1.0, 0.0),
        "pos_embed": (0.1, 0.0),
        "attention_biases": (0.5, 0.0),
    }
    if leaf in fixed:
        return fixed[leaf]
    if len(shape) == 3 and leaf == "weight" and ".experts." in name:
        return shape[1] ** -0.5, 0.0
    return _general(name, shape)


def _general(name, shape):
    if len(shape) >= 2:
        return float(np.prod(shape[1:])) ** -0.5, 0.0
    return (0.1, 1.0) if name.endswith(".weight") else (0.02, 0.0)


def fill_module(net, family):
    """Fill every entry of net's state by its official name; family: "sam" or "medsam2"."""
    with torch.no_grad():
        for name, t in net.state_dict(keep_vars=True).items():
            if not t.is_floating_point():
                t.zero_()
                continue
            scale, offset = (_general if family == "medsam2" else _sam)(name, tuple(t.shape))
            then = (1.0, 0.0)
            for pattern, factor, add in _MEDSAM2_EXTRA if family == "medsam2" else ():
                if re.search(pattern, name):
                    then = (factor, add)
            fill_(t, name, scale, offset, then)
    return net


def build(make, family="sam"):
    """make() under a meta device (no default initialisation), then filled by formula."""
    with torch.device("meta"):
        net = make()
    return fill_module(net.to_empty(device=torch.get_default_device()), family).eval()


_DTYPES = {"F32": np.float32, "I64": np.int64, "U8": np.uint8, "BOOL": np.bool_, "F64": np.float64,
           "I32": np.int32}


def read_safetensors(path):
    """All tensors of a safetensors file as {name: numpy array}."""
    with open(path, "rb") as f:
        (length,) = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(length)), f.read()
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        out[name] = np.frombuffer(data[first:last], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return out
