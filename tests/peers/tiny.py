"""Tiny SAM-Med3D: TinyViT with soft mixtures of experts; prompts and decoder of SAM-Med3D."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from layers import ChannelNorm, attend, pad_to, windows
from sam_med3d import SamMed3d

WIDTHS, DEPTHS, WINDOWS, HEAD = (64, 128, 160, 320), (2, 2, 6, 2), (7, 7, 14, 7), 32


class ConvBN(nn.Module):
    def __init__(self, a, b, size=1, stride=1, groups=1):
        super().__init__()
        self.c = nn.Conv3d(a, b, size, stride, size // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm3d(b)
        self.folded = False

    def fold(self):
        """Put the running statistics into the convolution (inference only)."""
        with torch.no_grad():
            gain = self.bn.weight / torch.sqrt(self.bn.running_var + self.bn.eps)
            self.c.weight.mul_(gain.view(-1, 1, 1, 1, 1))
            self.c.bias = nn.Parameter(self.bn.bias - self.bn.running_mean * gain)
        self.folded = True

    def forward(self, x):
        return self.c(x) if self.folded else self.bn(self.c(x))


class MBConv(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = ConvBN(width, 4 * width)
        self.conv2 = ConvBN(4 * width, 4 * width, 3, groups=4 * width)
        self.conv3 = ConvBN(4 * width, width)

    def forward(self, x):
        y = F.gelu(self.conv2(F.gelu(self.conv1(x))))
        return F.gelu(x + self.conv3(y))


class Merge(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1 = ConvBN(a, b)
        self.conv2 = ConvBN(b, b, 3, 1 if b in (320, 448, 576) else 2, groups=b)
        self.conv3 = ConvBN(b, b)

    def forward(self, x):
        return self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))


def offsets(window, queries=None):
    """Place in the bias table of each pair of tokens, by their absolute offsets: [queries, window^3];
    queries: extent of the query tokens along each axis, from the first."""
    w, q = torch.arange(window), torch.arange(queries or window)
    one = (q[:, None] - w[None]).abs()  # [q, w]
    at = (one[:, None, None, :, None, None] * window * window
          + one[None, :, None, None, :, None] * window + one[None, None, :, None, None, :])
    return at.reshape(len(q) ** 3, window**3)


def scrambled(y, window, padded):
    """The released window reverse: window outputs [n * k^3, w^3, c] -> [n, padded^3, c], laid out over
    the axes (window 0, inner 1, window 1, window 2, inner 0, inner 2)."""
    k, c = padded // window, y.shape[-1]
    y = y.view(-1, k, k, k, window, window, window, c)
    return y.permute(0, 1, 5, 2, 3, 4, 6, 7).reshape(-1, padded, padded, padded, c)


class WindowAttention(nn.Module):
    """x [n, r, r, r, c] -> the same shape."""

    def __init__(self, width, window, best):
        super().__init__()
        self.heads, self.window, self.best = width // HEAD, window, best
        self.attention_biases = nn.Parameter(torch.zeros(self.heads, window**3))
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.kept = None  # biases by pair, for inference

    def pairs(self, make):
        if self.training:
            return make()
        if self.kept is None:
            self.kept = make().detach()
        return self.kept

    def split(self, qkv):
        return qkv.unflatten(-1, (self.heads, 3 * HEAD)).transpose(1, 2).split(HEAD, -1)

    def full_bias(self):
        return self.attention_biases[:, offsets(self.window)]

    def official(self, x, padded):
        r, w = x.shape[1], self.window
        tokens = windows(pad_to(x, w), w).flatten(1, 3)
        q, k, v = self.split(self.qkv(self.norm(tokens)))
        y = attend(q, k, v, False, self.pairs(self.full_bias))
        y = self.proj(y.transpose(1, 2).flatten(2))
        return scrambled(y, w, padded)[:, :r, :r, :r] if padded > r else y.view(x.shape)

    def lumped_bias(self, r):
        """Real keys, and one that stands for all padding keys of the window: [heads, r^3, r^3 + 1]."""
        at = offsets(self.window, r)
        table = self.attention_biases.index_select(1, at.flatten())
        table = table.view(-1, len(at), *(self.window,) * 3)
        slabs = (table[:, :, r:], table[:, :, :r, r:], table[:, :, :r, :r, r:])
        pad = torch.stack([s.flatten(2).logsumexp(-1) for s in slabs], -1)
        real = table[:, :, :r, :r, :r].flatten(2)
        return torch.cat([real, pad.logsumexp(-1, keepdim=True)], -1)

    def one_window(self, x, r):
        """A window that sticks out: queries of padding dropped, the reverse exchanges axes 0 and 1."""
        n, c = len(x), x.shape[-1]
        q, k, v = self.split(self.qkv(self.norm(x.flatten(1, 3))))
        _, key, value = self.split(self.qkv(self.norm.bias).view(1, 1, -1).expand(n, -1, -1))
        bias = self.pairs(lambda: self.lumped_bias(r))
        y = attend(q, torch.cat([k, key], 2), torch.cat([v, value], 2), True, bias[None])
        return self.proj(y.transpose(1, 2).reshape(n, r, r, r, c)).transpose(1, 2)

    def forward(self, x):
        r, w = x.shape[1], self.window
        padded = math.ceil(r / w) * w
        if not self.best:
            return self.official(x, padded)
        if padded == w and padded > r:
            return self.one_window(x, r)
        # The layer runs on real tokens; padding has the norm's bias, hence always the same q, k, v.
        qkv = self.qkv(self.norm(x))
        if padded > r:
            fill = self.qkv(self.norm.bias)
            qkv = pad_to(qkv - fill, w) + fill
        q, k, v = self.split(windows(qkv, w).flatten(1, 3))
        y = attend(q, k, v, True, self.pairs(self.full_bias)[None])
        y = scrambled(y.transpose(1, 2).flatten(2), w, padded) if padded > r else y.transpose(1, 2)
        return self.proj(y[:, :r, :r, :r] if padded > r else y.reshape(x.shape))


class Experts(nn.Module):
    def __init__(self, experts, width):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(experts, width, width))
        self.bias = nn.Parameter(torch.zeros(experts, width))


class SoftMoE(nn.Module):
    """x [n, t, c]; every expert has one linear layer and `slots` slots."""

    def __init__(self, width, experts, slots, best):
        super().__init__()
        self.phi = nn.Parameter(torch.zeros(width, experts, slots))
        self.experts = Experts(experts, width)
        self.best = best

    def forward(self, x):
        if not self.best:
            logits = torch.einsum("bmd,dnp->bmnp", x, self.phi)
            dispatch = logits.softmax(1)
            combine = logits.flatten(2).softmax(-1).view_as(logits)
            slots = torch.einsum("bmd,bmnp->bnpd", x, dispatch)
            out = torch.einsum("bnpd,nde->bnpe", slots, self.experts.weight)
            return torch.einsum("bnpd,bmnp->bmd", out + self.experts.bias[:, None], combine)
        n, p = self.phi.shape[1:]
        logits = x @ self.phi.flatten(1)
        slots = logits.softmax(1).transpose(1, 2) @ x  # [b, n * p, c]
        out = slots.unflatten(1, (n, p)).permute(1, 0, 2, 3).flatten(1, 2)  # [n, b * p, c]
        out = torch.baddbmm(self.experts.bias[:, None], out, self.experts.weight)
        out = out.unflatten(1, (-1, p)).transpose(0, 1).flatten(1, 2)
        return logits.softmax(-1) @ out


class Block(nn.Module):
    """Channels-first volume in and out."""

    def __init__(self, width, window, experts, best):
        super().__init__()
        self.attn = WindowAttention(width, window, best)
        self.moe = SoftMoE(width, experts, 1, best)
        self.local_conv = ConvBN(width, width, 3, groups=width)

    def forward(self, x):
        x = x + self.attn(x.movedim(1, -1)).movedim(-1, 1)
        x = self.local_conv(x)
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.moe(tokens)
        return tokens.transpose(1, 2).view(x.shape)


class Stage(nn.Module):
    def __init__(self, blocks, merge):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        if merge:
            self.downsample = merge

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.downsample(x) if hasattr(self, "downsample") else x


class PatchEmbed(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.seq = nn.Sequential(ConvBN(1, width // 2, 3, 2), nn.GELU(),
                                 ConvBN(width // 2, width, 3, 2))

    def forward(self, x):
        return self.seq(x)


class TinyEncoder(nn.Module):
    """[n, 1, 128, 128, 128] -> [n, 384, 8, 8, 8]."""

    def __init__(self, best, experts=8):
        super().__init__()
        self.best = best
        self.patch_embed = PatchEmbed(WIDTHS[0])
        stages = []
        for i, (width, depth) in enumerate(zip(WIDTHS, DEPTHS)):
            blocks = [MBConv(width) if i == 0 else Block(width, WINDOWS[i], experts, best)
                      for _ in range(depth)]
            stages.append(Stage(blocks, Merge(width, WIDTHS[i + 1]) if i < 3 else None))
        self.layers = nn.ModuleList(stages)
        self.neck = nn.Sequential(
            nn.Conv3d(WIDTHS[3], 384, 1, bias=False), ChannelNorm(384, best),
            nn.Conv3d(384, 384, 3, padding=1, bias=False), ChannelNorm(384, best),
        )

    def fold(self):
        for module in self.modules():
            if isinstance(module, ConvBN):
                module.fold()
        return self

    def forward(self, x):
        x = self.patch_embed(x)
        for stage in self.layers:
            x = stage(x)
        return self.neck(x)


def tiny_sam_med3d(best, experts=8):
    return SamMed3d(best, TinyEncoder(best, experts))


def distillation(student, teacher):
    """Root of the mean over batch and positions of the squared distance of the channels."""
    return (student.float() - teacher).square().sum(1).mean().sqrt()
