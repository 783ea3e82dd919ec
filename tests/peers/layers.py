"""Parts that several of the networks share. `best` chooses between the two ways everywhere."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [n, c, spatial..]."""

    def __init__(self, channels, best, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.best, self.eps = best, eps

    def forward(self, x):
        if self.best:
            y = F.layer_norm(x.movedim(1, -1), self.weight.shape, self.weight, self.bias, self.eps)
            return y.movedim(-1, 1)
        shape = (-1,) + (1,) * (x.dim() - 2)
        mean = x.mean(1, keepdim=True)
        var = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(var + self.eps)
        return x * self.weight.view(shape) + self.bias.view(shape)


class LinMLP(nn.Module):
    """Two layers under the names lin1 and lin2."""

    def __init__(self, channels, hidden, act):
        super().__init__()
        self.lin1 = nn.Linear(channels, hidden)
        self.lin2 = nn.Linear(hidden, channels)
        self.act = act

    def forward(self, x):
        return self.lin2(self.act(self.lin1(x)))


class MLP(nn.Module):
    """Layers `layers.N` with `act` between them; `last` after the last one."""

    def __init__(self, widths, act=F.relu, last=None):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths[:-1], widths[1:]))
        self.act, self.last = act, last

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i < len(self.layers) - 1:
                x = self.act(x)
        return self.last(x) if self.last else x


def attend(q, k, v, best, bias=None, scale=None):
    """softmax(q k^T scale + bias) v over the last two axes."""
    if best:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)
    logits = (q * (scale or q.shape[-1] ** -0.5)) @ k.transpose(-2, -1)
    if bias is not None:
        logits = logits + bias
    return logits.softmax(-1) @ v


class HeadAttention(nn.Module):
    """Attention of the mask decoders: `inner` channels in `heads` heads, batch of tokens."""

    def __init__(self, channels, heads, inner, best):
        super().__init__()
        self.heads, self.best = heads, best
        self.q_proj = nn.Linear(channels, inner)
        self.k_proj = nn.Linear(channels, inner)
        self.v_proj = nn.Linear(channels, inner)
        self.out_proj = nn.Linear(inner, channels)

    def forward(self, q, k, v):
        q, k, v = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f, x in ((self.q_proj, q), (self.k_proj, k), (self.v_proj, v))
        )
        return self.out_proj(attend(q, k, v, self.best).transpose(1, 2).flatten(2))


class TwoWayLayer(nn.Module):
    def __init__(self, channels, heads, mlp, first, best):
        super().__init__()
        self.first = first
        self.self_attn = HeadAttention(channels, heads, channels, best)
        self.norm1 = nn.LayerNorm(channels)
        self.cross_attn_token_to_image = HeadAttention(channels, heads, channels // 2, best)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = mlp
        self.norm3 = nn.LayerNorm(channels)
        self.norm4 = nn.LayerNorm(channels)
        self.cross_attn_image_to_token = HeadAttention(channels, heads, channels // 2, best)

    def forward(self, q, k, q_pos, k_pos):
        if self.first:
            q = self.self_attn(q, q, q)
        else:
            q = q + self.self_attn(q + q_pos, q + q_pos, q)
        q = self.norm1(q)
        q = self.norm2(q + self.cross_attn_token_to_image(q + q_pos, k + k_pos, k))
        q = self.norm3(q + self.mlp(q))
        k = self.norm4(k + self.cross_attn_image_to_token(k + k_pos, q + q_pos, q))
        return q, k


class TwoWay(nn.Module):
    """Two-way transformer between tokens [n, t, c] and image tokens [n, s, c]."""

    def __init__(self, channels, best, make_mlp, depth=2, heads=8):
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayLayer(channels, heads, make_mlp(), i == 0, best) for i in range(depth)
        )
        self.final_attn_token_to_image = HeadAttention(channels, heads, channels // 2, best)
        self.norm_final_attn = nn.LayerNorm(channels)

    def forward(self, tokens, image, pos):
        q, k = tokens, image
        for layer in self.layers:
            q, k = layer(q, k, tokens, pos)
        q = q + self.final_attn_token_to_image(q + tokens, k + pos, k)
        return self.norm_final_attn(q), k


class RandomFourier(nn.Module):
    """sin and cos of random projections of points in [0, 1]^axes."""

    def __init__(self, axes, features):
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.zeros(axes, features))

    def forward(self, points):
        matrix = self.positional_encoding_gaussian_matrix.float()
        z = 2 * math.pi * ((2 * points - 1) @ matrix)
        third = [z.sin()] if matrix.shape[0] == 3 else []  # the 3-D code repeats the sine
        return torch.cat([z.sin(), z.cos()] + third, -1)


def relative(table, n, m=None):
    """R[u, v] = table[u - v + n - 1] for u < (m or n), v < n."""
    u = torch.arange(m or n)[:, None] - torch.arange(n)[None] + n - 1
    return table[u]


def windows(x, size):
    """[n, s.., c] with every s a multiple of size -> [n * count, size.., c], row-major."""
    axes = x.dim() - 2
    for a in range(axes):
        x = x.unflatten(1 + 2 * a, (-1, size))
    outer, inner = [1 + 2 * a for a in range(axes)], [2 + 2 * a for a in range(axes)]
    return x.permute(0, *outer, *inner, 2 * axes + 1).flatten(0, axes)


def unwindows(x, size, grid):
    """Inverse of `windows`; grid: the whole (padded) extent of each axis."""
    axes = len(grid)
    for a in reversed(range(axes)):
        x = x.unflatten(0, (-1, grid[a] // size))
    order = [0]
    for a in range(axes):
        order += [1 + a, 1 + axes + a]
    x = x.permute(*order, 2 * axes + 1)
    for a in range(axes):
        x = x.flatten(1 + a, 2 + a)
    return x


def pad_to(x, size):
    """Zeros at the end of each spatial axis of [n, s.., c] up to multiples of size."""
    pads = [0, 0]
    for extent in reversed(x.shape[1:-1]):
        pads += [0, -extent % size]
    return F.pad(x, pads) if any(pads) else x


HALVES = {"bf16": torch.bfloat16, "f16": torch.float16}


def autocast(dtype, on):
    on = on and dtype in HALVES
    return torch.autocast(torch.get_default_device().type, HALVES.get(dtype, torch.bfloat16), enabled=on)


def dice_ce_binary(logits, target):
    """Soft Dice (squared, sigmoid) + binary cross-entropy of one channel."""
    p = logits.float().sigmoid()
    axes = tuple(range(1, p.dim()))
    overlap, total = (p * target).sum(axes), (p * p).sum(axes) + (target * target).sum(axes)
    dice = 1 - (2 * overlap + 1e-5) / (total + 1e-5)
    return dice.mean() + F.binary_cross_entropy_with_logits(logits.float(), target)


def dice_ce_classes(logits, labels):
    """Cross-entropy minus soft Dice of the foreground classes, per sample."""
    logits = logits.float()
    p = logits.softmax(1)[:, 1:]
    t = F.one_hot(labels, logits.shape[1]).movedim(-1, 1)[:, 1:].to(p.dtype)
    axes = tuple(range(2, p.dim()))
    tp, fp, fn = (p * t).sum(axes), (p * (1 - t)).sum(axes), ((1 - p) * t).sum(axes)
    dice = (2 * tp + 1e-5) / (2 * tp + fp + fn + 1e-5 + 1e-8)
    return F.cross_entropy(logits, labels) - dice.mean()
