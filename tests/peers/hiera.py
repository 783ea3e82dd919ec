"""MedSAM2's image encoder: Hiera-tiny at 512 with its feature pyramid."""

import torch
import torch.nn.functional as F
from torch import nn

from layers import MLP, attend, pad_to, unwindows, windows

# (width in, width out, window, pools the query); window 0: the whole grid
BLOCKS = [(96, 96, 8, False), (96, 192, 8, True), (192, 192, 4, False), (192, 384, 4, True)]
BLOCKS += [(384, 384, 14 if i % 2 == 0 else 0, False) for i in range(4, 10)]
BLOCKS += [(384, 768, 14, True), (768, 768, 7, False)]
STAGE_ENDS, HEAD, MEAN, STD = (0, 2, 9, 11), 96, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pool(x):
    """2x2 maxima of [n, h, w, c]."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def crop(x, like):
    return x[:, : like.shape[1], : like.shape[2]]


class HieraAttention(nn.Module):
    """x [windows, h, w, c] or, in the best way, qkv of it."""

    def __init__(self, a, b, pools):
        super().__init__()
        self.heads, self.pools = b // HEAD, pools
        self.qkv = nn.Linear(a, 3 * b)
        self.proj = nn.Linear(b, b)

    def mix(self, qkv):
        """[n, h, w, 3c] -> attention [n, h', w', c] without the last layer."""
        n, h, w, c = *qkv.shape[:3], qkv.shape[3] // 3
        q, k, v = qkv.split(c, -1)
        if self.pools:
            q = pool(q)
            h, w = h // 2, w // 2
        q, k, v = (t.reshape(n, -1, self.heads, HEAD).transpose(1, 2) for t in (q, k, v))
        return attend(q, k, v, True).transpose(1, 2).reshape(n, h, w, c)


class HieraBlock(nn.Module):
    def __init__(self, a, b, window, pools, best):
        super().__init__()
        self.window, self.pools, self.best = window, pools, best
        self.norm1 = nn.LayerNorm(a, eps=1e-6)
        self.attn = HieraAttention(a, b, pools)
        self.norm2 = nn.LayerNorm(b, eps=1e-6)
        self.mlp = MLP([b, 4 * b, b], F.gelu)
        if a != b:
            self.proj = nn.Linear(a, b)

    def attention(self, y, shortcut):
        attn, w = self.attn, self.window
        if not w:
            return attn.proj(attn.mix(attn.qkv(y)))
        whole = [-(-s // w) * w for s in y.shape[1:3]]
        if self.best and whole != list(y.shape[1:3]):
            qkv = pad_to(F.linear(y, attn.qkv.weight), w) + attn.qkv.bias
        else:
            qkv = None
        y = attn.mix(windows(qkv, w) if qkv is not None else attn.qkv(windows(pad_to(y, w), w)))
        if not self.best:
            y = attn.proj(y)
        if self.pools:
            w, whole = w // 2, [s // 2 for s in whole]
        y = crop(unwindows(y, w, whole), shortcut)
        return attn.proj(y) if self.best else y

    def forward(self, x):
        y = self.norm1(x)
        if hasattr(self, "proj"):
            x = pool(self.proj(y)) if self.pools else self.proj(y)
        x = x + self.attention(y, x)
        return x + self.mlp(self.norm2(x))


class Trunk(nn.Module):
    def __init__(self, best):
        super().__init__()
        self.best, self.positions = best, {}
        self.pos_embed = nn.Parameter(torch.zeros(1, 96, 7, 7))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, 96, 8, 8))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, 96, 7, 4, 3)
        self.blocks = nn.ModuleList(HieraBlock(*spec, best) for spec in BLOCKS)

    def position(self, h, w):
        pos = F.interpolate(self.pos_embed.float(), (h, w), mode="bicubic")
        tiles = self.pos_embed_window.float().tile(1, 1, h // 8, w // 8)
        return (pos + tiles).permute(0, 2, 3, 1).to(self.pos_embed.dtype)

    def forward(self, x):
        x = self.patch_embed.proj(x).permute(0, 2, 3, 1)
        size = (*x.shape[1:3], x.dtype)
        if not self.best or size not in self.positions:
            self.positions[size] = self.position(*size[:2])
        x, ends = x + self.positions[size], []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in STAGE_ENDS:
                ends.append(x.permute(0, 3, 1, 2))
        return ends


class Neck(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList()
        for width in (768, 384, 192, 96):
            level = nn.Module()
            level.conv = nn.Conv2d(width, 256, 1)
            self.convs.append(level)

    def forward(self, ends):
        """-> features at strides 4, 8 and 16."""
        laterals = [self.convs[3 - i].conv(x) for i, x in enumerate(ends)]
        return (*laterals[:2], laterals[2] + F.interpolate(laterals[3], scale_factor=2.0))


class ImageEncoder(nn.Module):
    def __init__(self, best):
        super().__init__()
        self.trunk, self.neck = Trunk(best), Neck()

    def forward(self, x):
        return self.neck(self.trunk(x))


def prepare(slices):
    """u8 [d, 512, 512] (numpy) -> normalised f32 [d, 3, 512, 512], made in double precision."""
    x = torch.from_numpy(slices).to(torch.get_default_device()).double()[:, None] / 255
    mean, std = (torch.tensor(t).double().view(1, 3, 1, 1) for t in (MEAN, STD))
    return ((x - mean) / std).float()
