"""MedSAM2 (SAM 2.1, Hiera-tiny, 512): prompts, mask decoder, memory, tracking from a box."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from hiera import ImageEncoder
from layers import ChannelNorm, MLP, RandomFourier, TwoWay, attend

SIZE, GRID, WIDTH, MEM, MEMORIES, POINTERS = 512, 32, 256, 64, 7, 16
ABSENT = -1024.0


def sine_grid(channels, n=GRID):
    """[1, channels, n, n]: sines and cosines of the row, then of the column."""
    half = channels // 2
    at = torch.arange(1, n + 1, dtype=torch.float32) / (n + 1e-6) * 2 * math.pi
    k = torch.arange(half, dtype=torch.float32)
    angle = at[:, None] / 10000 ** (2 * (k // 2) / half)
    wave = torch.where(k % 2 == 0, angle.sin(), angle.cos()).T  # [half, n]
    return torch.cat([wave[:, :, None].expand(-1, -1, n), wave[:, None].expand(-1, n, -1)])[None]


def sine_line(p, dim=WIDTH):
    half = dim // 2
    k = torch.arange(half, dtype=torch.float32)
    angle = p[:, None] / 10000 ** (2 * (k // 2) / half)
    return torch.cat([angle.sin(), angle.cos()], -1)


def rotations(dim=WIDTH, n=GRID):
    """Axial rotary table as complex numbers [n * n, dim / 2]."""
    f = 10000 ** (-4 * torch.arange(dim // 4, dtype=torch.float32) / dim)
    t = torch.arange(n * n)
    angle = torch.cat([(t % n)[:, None] * f, (t // n)[:, None] * f], -1)
    return torch.polar(torch.ones_like(angle), angle)


def rotate(x, table):
    """x [1, m * t, dim] by table [t, dim / 2]."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    turned = pairs.unflatten(1, (-1, len(table))) * table
    return torch.view_as_real(turned).flatten(-2).flatten(1, 2).to(x.dtype)


class RotaryAttention(nn.Module):
    def __init__(self, key_width):
        super().__init__()
        self.q_proj, self.out_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.k_proj, self.v_proj = nn.Linear(key_width, WIDTH), nn.Linear(key_width, WIDTH)

    def forward(self, q, k, v, table, unturned=0):
        """unturned: the last keys, which are object pointers, keep their place."""
        q, k, v = rotate(self.q_proj(q), table), self.k_proj(k), self.v_proj(v)
        turned = k.shape[1] - unturned
        k = torch.cat([rotate(k[:, :turned], table), k[:, turned:]], 1)
        return self.out_proj(attend(q[:, None], k[:, None], v[:, None], True)[:, 0])


class MemoryLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn, self.cross_attn_image = RotaryAttention(WIDTH), RotaryAttention(MEM)
        self.linear1, self.linear2 = nn.Linear(WIDTH, 2048), nn.Linear(2048, WIDTH)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(WIDTH) for _ in range(3))

    def forward(self, x, memory, keys, pointers, table):
        y = self.norm1(x)
        x = x + self.self_attn(y, y, y, table)
        x = x + self.cross_attn_image(self.norm2(x), keys, memory, table, pointers)
        return x + self.linear2(F.relu(self.linear1(self.norm3(x))))


class MemoryAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(MemoryLayer() for _ in range(4))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x, position, memory, memory_position, pointers, table):
        x, keys = x + 0.1 * position, memory + memory_position
        for layer in self.layers:
            x = layer(x, memory, keys, pointers, table)
        return self.norm(x)


class MaskDownsampler(nn.Module):
    def __init__(self, best):
        super().__init__()
        parts, widths = [], (1, 4, 16, 64, 256)
        for a, b in zip(widths[:-1], widths[1:]):
            parts += [nn.Conv2d(a, b, 3, 2, 1), ChannelNorm(b, best), nn.GELU()]
        self.encoder = nn.Sequential(*parts, nn.Conv2d(256, 256, 1))

    def forward(self, x):
        return self.encoder(x)


class ConvNeXt(nn.Module):
    def __init__(self, best):
        super().__init__()
        self.dwconv = nn.Conv2d(WIDTH, WIDTH, 7, padding=3, groups=WIDTH)
        self.norm = ChannelNorm(WIDTH, best)
        self.pwconv1, self.pwconv2 = nn.Linear(WIDTH, 1024), nn.Linear(1024, WIDTH)
        self.gamma = nn.Parameter(torch.zeros(WIDTH))

    def forward(self, x):
        y = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class MemoryEncoder(nn.Module):
    def __init__(self, best):
        super().__init__()
        self.mask_downsampler = MaskDownsampler(best)
        self.pix_feat_proj = nn.Conv2d(WIDTH, WIDTH, 1)
        self.fuser = nn.Module()
        self.fuser.layers = nn.ModuleList(ConvNeXt(best) for _ in range(2))
        self.out_proj = nn.Conv2d(WIDTH, MEM, 1)

    def forward(self, features, mask):
        x = self.pix_feat_proj(features) + self.mask_downsampler(mask)
        for layer in self.fuser.layers:
            x = layer(x)
        return self.out_proj(x)


class PromptEncoder(nn.Module):
    def __init__(self, best):
        super().__init__()
        self.pe_layer = RandomFourier(2, WIDTH // 2)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, WIDTH) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, WIDTH)
        self.no_mask_embed = nn.Embedding(1, WIDTH)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2), ChannelNorm(4, best), nn.GELU(),
            nn.Conv2d(4, 16, 2, 2), ChannelNorm(16, best), nn.GELU(), nn.Conv2d(16, WIDTH, 1),
        )

    def sparse(self, points, labels):
        """points [1, n, 2] at 512, labels [1, n] (none: tracking) -> tokens with the padding one."""
        end = self.not_a_point_embed.weight[None]
        if points is None:
            return torch.cat([end, end], 1)
        tokens = self.pe_layer((points + 0.5) / SIZE)
        for label, embedding in enumerate(self.point_embeddings):
            tokens = tokens + (labels == label)[..., None] * embedding.weight
        return torch.cat([tokens.to(end.dtype), end], 1)

    def dense_pe(self):
        at = (torch.arange(GRID) + 0.5) / GRID
        row, column = torch.meshgrid(at, at, indexing="ij")
        pe = self.pe_layer(torch.stack([column, row], -1))
        return pe.flatten(0, 1)[None].to(self.no_mask_embed.weight.dtype)


class MaskDecoder(nn.Module):
    def __init__(self, best):
        super().__init__()
        self.transformer = TwoWay(WIDTH, best, lambda: MLP([WIDTH, 2048, WIDTH]))
        self.iou_token, self.mask_tokens = nn.Embedding(1, WIDTH), nn.Embedding(4, WIDTH)
        self.obj_score_token = nn.Embedding(1, WIDTH)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, 64, 2, 2), ChannelNorm(64, best), nn.GELU(),
            nn.ConvTranspose2d(64, 32, 2, 2), nn.GELU(),
        )
        self.conv_s0, self.conv_s1 = nn.Conv2d(WIDTH, 32, 1), nn.Conv2d(WIDTH, 64, 1)
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP([WIDTH, WIDTH, WIDTH, 32]) for _ in range(4)
        )
        self.iou_prediction_head = MLP([WIDTH, WIDTH, WIDTH, 4], last=torch.sigmoid)
        self.pred_obj_score_head = MLP([WIDTH, WIDTH, WIDTH, 1])

    def forward(self, image, pe, sparse, s0, s1):
        """image [1, 256, g, g] with the dense prompt -> masks, ious, mask tokens, object score."""
        own = [e.weight for e in (self.obj_score_token, self.iou_token, self.mask_tokens)]
        tokens = torch.cat([torch.cat(own)[None], sparse], 1)
        q, k = self.transformer(tokens, image.flatten(2).transpose(1, 2), pe)
        up = self.output_upscaling
        x = k.transpose(1, 2).reshape(image.shape)
        x = up[2](up[1](up[0](x) + s1))
        x = up[4](up[3](x) + s0)
        hyper = [f(q[:, 2 + i]) for i, f in enumerate(self.output_hypernetworks_mlps)]
        masks = (torch.stack(hyper, 1) @ x.flatten(2)).unflatten(-1, x.shape[2:])
        return masks, self.iou_prediction_head(q[:, 1]), q[:, 2:6], self.pred_obj_score_head(q[:, 0])


class MedSam2(nn.Module):
    """The network; `tracker.py` keeps the memories of a volume."""

    def __init__(self, best):
        super().__init__()
        self.best, self.kept = best, {}
        self.image_encoder = ImageEncoder(best)
        self.mask_downsample = nn.Conv2d(1, 1, 4, 4)
        self.memory_attention = MemoryAttention()
        self.memory_encoder = MemoryEncoder(best)
        self.maskmem_tpos_enc = nn.Parameter(torch.zeros(MEMORIES, 1, 1, MEM))
        self.no_mem_embed = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.no_mem_pos_enc = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.no_obj_ptr = nn.Parameter(torch.zeros(1, WIDTH))
        self.no_obj_embed_spatial = nn.Parameter(torch.zeros(1, MEM))
        self.sam_prompt_encoder, self.sam_mask_decoder = PromptEncoder(best), MaskDecoder(best)
        self.obj_ptr_proj = MLP([WIDTH] * 4)
        self.obj_ptr_tpos_proj = nn.Linear(WIDTH, MEM)

    @property
    def dtype(self):
        return self.no_obj_ptr.dtype

    def constant(self, name, make):
        """A table that depends on nothing; the official way makes some anew in every call."""
        key = (name, self.dtype)
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]

    def encode(self, slices):
        """[n, 3, 512, 512] -> s0, s1, f2 of the slices."""
        f0, f1, f2 = self.image_encoder(slices.to(self.dtype))
        return self.sam_mask_decoder.conv_s0(f0), self.sam_mask_decoder.conv_s1(f1), f2

    def heads(self, feature, s0, s1, points=None, labels=None):
        """Decoder and what is chosen from it: a dictionary."""
        prompt, multi = self.sam_prompt_encoder, points is None
        pe = self.constant("pe", prompt.dense_pe) if self.best else prompt.dense_pe()
        image = feature + prompt.no_mask_embed.weight.view(1, -1, 1, 1)
        masks, ious, tokens, score = self.sam_mask_decoder(image, pe, prompt.sparse(points, labels),
                                                           s0, s1)
        masks, all_ious = masks.float(), ious.float()
        if multi:
            best = int(all_ious[0, 1:].argmax()) + 1
            low, token, shown = masks[:, best : best + 1], tokens[:, best], masks[:, 1:]
            ious = all_ious[:, 1:]
        else:
            best = self.stable(masks, all_ious)
            low, token, ious = masks[:, best : best + 1], tokens[:, 0], all_ious[:, best : best + 1]
            shown = low
        pointer = self.obj_ptr_proj(token)
        if float(score) <= 0:
            low, shown = torch.full_like(low, ABSENT), torch.full_like(shown, ABSENT)
            pointer = self.no_obj_ptr
        return {"low": low, "pointer": pointer, "score": score.float(), "ious": ious, "shown": shown,
                "all_masks": masks, "all_ious": all_ious}

    @staticmethod
    def stable(masks, ious):
        """0 when the single mask is stable, else the best of the others."""
        inside, union = float((masks[:, 0] > 0.05).sum()), float((masks[:, 0] > -0.05).sum())
        if union == 0 or inside / union >= 0.98:
            return 0
        return int(ious[0, 1:].argmax()) + 1

    def remember(self, f2, high, score, binary):
        """The memory of a slice, [1, 64, 32, 32]."""
        mask = (high > 0).float() if binary else high.sigmoid()
        memory = self.memory_encoder(f2, (20 * mask - 10).to(self.dtype))
        if float(score) <= 0:
            memory = memory + self.no_obj_embed_spatial.view(1, -1, 1, 1)
        return memory

    def condition(self, f2, memory, position, pointers):
        """f2 [1, 256, 32, 32] with memory tokens [1, m, 64], the last `pointers` of them pointers."""
        sine = self.constant("sine256", lambda: sine_grid(WIDTH).flatten(2).transpose(1, 2))
        table = self.constant("rotations", rotations)
        x = f2.flatten(2).transpose(1, 2)
        y = self.memory_attention(x, sine.to(x.dtype), memory.to(x.dtype), position.to(x.dtype),
                                  pointers, table)
        return y.transpose(1, 2).reshape(f2.shape)
