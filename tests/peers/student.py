"""Slicing SAM3D student: SAM's ViT-B over every slice and a 3-D convolutional decoder."""

import torch
import torch.nn.functional as F
from torch import nn

from layers import ChannelNorm, LinMLP, attend, autocast, pad_to, relative, unwindows, windows

WIDTH, HEADS, WINDOW, DEPTH, GLOBAL = 768, 12, 14, 12, (2, 5, 8, 11)
CHUNK = 32  # slices encoded at once by the best way


class Attention2d(nn.Module):
    """Attention with decomposed relative positions over a grid x [n, h, w, c]."""

    def __init__(self, extent, best):
        super().__init__()
        self.extent, self.best = extent, best
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * extent - 1, WIDTH // HEADS))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * extent - 1, WIDTH // HEADS))
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def heads_first(self, x):
        q, k, v = self.qkv(x).flatten(1, 2).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        return q, k, v

    def positions(self, q, h, w):
        """q [n, heads, h * w, e] against the tables: [n, heads, h, w, extent] twice."""
        q = q.unflatten(2, (h, w))
        rows = relative(self.rel_pos_h, self.extent, h)
        columns = relative(self.rel_pos_w, self.extent, w)
        return (torch.einsum("nhabe,aie->nhabi", q, rows),
                torch.einsum("nhabe,bje->nhabj", q, columns))

    def forward(self, x):
        n, h, w, _ = x.shape
        q, k, v = self.heads_first(x)
        rows, columns = self.positions(q, h, w)
        if h == self.extent:
            bias = (rows[..., None] + columns[..., None, :]).flatten(2, 3).flatten(3)
        else:
            k, v, bias = self.with_padding(q, k, v, rows, columns)
        y = attend(q, k, v, self.best, bias)
        return self.proj(y.transpose(1, 2).reshape(n, h, w, WIDTH))

    def with_padding(self, q, k, v, rows, columns):
        """All padding keys of the one window are equal but for their relative positions: they become
        one key, whose bias is the log of the sum over them."""
        h, w = rows.shape[2:4]
        _, key, value = self.qkv.bias.view(3, HEADS, 1, -1)
        real = rows[..., :h, None] + columns[..., None, :w]
        below = rows[..., h:].logsumexp(-1) + columns.logsumexp(-1)
        right = rows[..., :h].logsumexp(-1) + columns[..., w:].logsumexp(-1)
        bias = torch.cat([real.flatten(-2), torch.logaddexp(below, right)[..., None]], -1)
        ends = [t.expand(len(q), -1, -1, -1) for t in (key, value)]
        return torch.cat([k, ends[0]], 2), torch.cat([v, ends[1]], 2), bias.flatten(2, 3)


class Block(nn.Module):
    """x [n, s.., c]; window 0: the whole grid."""

    def __init__(self, attn, window, best):
        super().__init__()
        self.window, self.best = window, best
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = attn
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.mlp = LinMLP(WIDTH, 4 * WIDTH, F.gelu)

    def forward(self, x):
        y = self.norm1(x)
        if self.window and not self.best:
            y = pad_to(y, self.window)
            grid = y.shape[1:-1]
            y = unwindows(self.attn(windows(y, self.window)), self.window, grid)
            y = y[(slice(None),) + tuple(slice(s) for s in x.shape[1:-1])]
        else:
            y = self.attn(y)
        x = x + y
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.proj = conv

    def forward(self, x):
        return self.proj(x).movedim(1, -1)


class Encoder2d(nn.Module):
    """[n, 3, 128, 128] -> [n, 256, 8, 8]."""

    def __init__(self, best, grid=8):
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, grid, grid, WIDTH))
        self.patch_embed = PatchEmbed(nn.Conv2d(3, WIDTH, 16, 16))
        self.blocks = nn.ModuleList()
        for i in range(DEPTH):
            window = 0 if i in GLOBAL else WINDOW
            self.blocks.append(Block(Attention2d(window or grid, best), window, best))
        self.neck = nn.Sequential(
            nn.Conv2d(WIDTH, 256, 1, bias=False), ChannelNorm(256, best),
            nn.Conv2d(256, 256, 3, padding=1, bias=False), ChannelNorm(256, best),
        )

    def forward(self, x):
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.neck(x.movedim(-1, 1))


def doubled(x):
    """[n, c, d, h, w] with h and w repeated twice."""
    return F.interpolate(x, scale_factor=(1, 2, 2), mode="nearest")


def conv_of_doubled(conv, x):
    """conv(doubled(x)) of a 3x3x3 convolution, from x: a transposed one whose weights are sums."""
    once = torch.eye(3).flip(1)  # tap 2 - s of an axis that is not doubled
    twice = torch.tensor([[0.0, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]])  # taps 2 - s and 3 - s
    weight = torch.einsum("oizyx,za,yb,xc->ioabc", conv.weight, once, twice, twice)
    return F.conv_transpose3d(x, weight, conv.bias, stride=(1, 2, 2), padding=1)


class ConvNorm(nn.Sequential):
    """Convolution, instance norm, leaky ReLU if `act`; `double`: of x doubled, where best does not make
    that. Best: one group per channel is the faster form of the norm, a linear layer that of 1x1x1
    convolutions. Channels last would be a tenth faster, but PyTorch's norms lose three digits there on
    volumes of this size."""

    def __init__(self, a, b, size, act, best, double=False):
        parts = [nn.Conv3d(a, b, size, padding=size // 2), nn.InstanceNorm3d(b)]
        super().__init__(*parts, *([nn.LeakyReLU(0.01, inplace=True)] if act else []))
        self.best, self.act, self.double = best, act, double

    def convolved(self, x):
        if self[0].kernel_size[0] == 1:
            return pointwise(self[0], x)
        return conv_of_doubled(self[0], x) if self.double else self[0](x)

    def forward(self, x):
        if not self.best:
            return super().forward(x)
        y = self.convolved(x)
        y = F.group_norm(y.contiguous(), y.shape[1])
        return F.leaky_relu_(y, 0.01) if self.act else y


def pointwise(conv, x):
    return F.linear(x.movedim(1, -1), conv.weight.flatten(1), conv.bias).movedim(-1, 1)


class BasicBlock(nn.Module):
    """The published block ends with the doubling; best begins the next one with it (`double`)."""

    def __init__(self, a, b, best, double):
        super().__init__()
        self.best, self.double = best, double
        self.downsample = ConvNorm(a, b, 1, False, best)
        self.conv1 = ConvNorm(a, b, 3, True, best, double)
        self.conv2 = ConvNorm(b, b, 3, False, best)

    def forward(self, x):
        skip = self.downsample(x)
        if self.best and self.double:
            skip = doubled(skip)
        y = F.leaky_relu(self.conv2(self.conv1(x)) + skip, 0.01)
        return y if self.best else doubled(y)


class Head(nn.Module):
    def __init__(self, a, classes, best):
        super().__init__()
        self.best = best
        self.conv_pred = ConvNorm(a, a // 2, 3, True, best, True)
        self.segmentation_head = nn.Conv3d(a // 2, classes, 1)

    def forward(self, x):
        x = self.conv_pred(x)
        return pointwise(self.segmentation_head, x) if self.best else self.segmentation_head(x)


class Student(nn.Module):
    def __init__(self, best, classes=2):
        super().__init__()
        self.best = best
        self.image_encoder = Encoder2d(best)
        for level, a, b in ((5, 256, 128), (4, 128, 64), (3, 64, 32), (2, 32, 16)):
            setattr(self, f"decoder{level}", BasicBlock(a, b, best, level < 5))
        self.out1, self.out2, self.out3 = (Head(a, classes, best) for a in (16, 32, 64))

    def encode(self, volume):
        """[1, 1, d, h, w] -> [1, 256, d, h/16, w/16]; best: slices in batches, else one by one."""
        step = CHUNK if self.best else 1
        dtype = self.image_encoder.pos_embed.dtype
        with torch.no_grad():
            parts = []
            for slices in volume[0, 0].split(step):
                x = slices[:, None].expand(-1, 3, -1, -1).to(dtype)
                parts.append(self.image_encoder(x))
            features = torch.cat(parts)
        return features.transpose(0, 1)[None].contiguous()

    def decode(self, features, deep=False):
        """Logits at full size; with deep also at 1/2 and 1/4 in the plane."""
        x4 = self.decoder4(self.decoder5(features))
        x3 = self.decoder3(x4)
        full = self.out1(self.decoder2(x3))
        return [full, self.out2(x3), self.out3(x4)] if deep else full

    def freeze_encoder(self):
        self.image_encoder.requires_grad_(False)
        return self

    def forward(self, volume):
        return self.decode(self.encode(volume))
