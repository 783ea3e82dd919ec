"""SAM-Med3D (vit_b_ori): 3-D ViT-B encoder, prompt encoder, mask decoder."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from layers import ChannelNorm, LinMLP, MLP, RandomFourier, TwoWay, attend, relative
from student import DEPTH, GLOBAL, HEADS, WIDTH, WINDOW, Block, PatchEmbed


class Attention3d(nn.Module):
    """x [n, s, s, s, c]. The relative positions are mixed over the axes as in the released code:
    bias(abc, ijl) = q(abc) Rd[a, l] + q(abi) Rh[b, l] + q(abj) Rw[j, l]."""

    def __init__(self, extent, best):
        super().__init__()
        self.extent, self.best = extent, best
        for axis in "dhw":
            table = nn.Parameter(torch.zeros(2 * extent - 1, WIDTH // HEADS))
            setattr(self, f"rel_pos_{axis}", table)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        n, s, c = x.shape[0], x.shape[1], x.shape[-1]
        q, k, v = self.qkv(x).flatten(1, 3).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        grid = q.unflatten(2, (s, s, s))
        t = self.extent
        d = torch.einsum("nhabce,ale->nhabcl", grid, relative(self.rel_pos_d, t, s))
        h = torch.einsum("nhabie,ble->nhabil", grid, relative(self.rel_pos_h, t, s))
        w = torch.einsum("nhabje,jle->nhabjl", grid, relative(self.rel_pos_w, t, s))
        if s < t:
            k, v, bias = self.with_padding(k, v, grid, d, h, w)
            y = attend(q, k, v, self.best, bias)
        elif self.best:
            y = attend(q, k, v, True, self.whole(d, h, w))
        else:
            y = self.explicit(q, k, v, d, h, w)
        return self.proj(y.transpose(1, 2).reshape(n, s, s, s, c))

    @staticmethod
    def whole(d, h, w):
        """The sum of the terms [n, heads, queries, keys]; d repeated first, so that long rows add."""
        hw = (h[:, :, :, :, None, :, None] + w[:, :, :, :, None, None]).flatten(-2)
        return (d.repeat(1, 1, 1, 1, 1, w.shape[4])[..., None, :] + hw).flatten(5).flatten(2, 4)

    @staticmethod
    def explicit(q, k, v, d, h, w):
        """The official order: logits first, the three terms added one after the other."""
        s = d.shape[2]
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        logits = logits.view(*q.shape[:2], s, s, s, s, s, s)
        logits = (logits + d[..., None, None, :] + h[:, :, :, :, None, :, None]
                  + w[:, :, :, :, None, None])
        return logits.view(*q.shape[:3], -1).softmax(-1) @ v

    def with_padding(self, k, v, grid, d, h, w):
        """The window sticks out: padding keys, all equal but for their positions, become one key
        whose bias is the log of the sum over them. d, h, w [n, heads, a, b, ., l] of real tokens."""
        s, t = grid.shape[2], self.extent
        query, key, value = self.qkv.bias.view(3, HEADS, 1, -1)
        # query: [heads, 1, e], the same for every padding token
        pad_h = torch.einsum("hoe,ble->hbl", query, relative(self.rel_pos_h, t, s))
        pad_w = torch.einsum("hoe,jle->hjl", query, relative(self.rel_pos_w, t)[s:])
        h_pad = (pad_h + math.log(t - s))[None, :, None]  # [1, heads, 1, b, l]
        w_pad = pad_w.logsumexp(1)[None, :, None, None]  # [1, heads, 1, 1, l]
        h_real, w_real = h.logsumexp(4), w.logsumexp(4)  # [n, heads, a, b, l]
        w_all = torch.logaddexp(w_real, w_pad)
        inside = torch.logaddexp(h_pad + w_all, h_real + w_pad)[..., :s]
        outside = (torch.logaddexp(h_real, h_pad) + w_all)[..., s:]
        pad = (d + torch.cat([inside, outside], -1)[:, :, :, :, None]).logsumexp(-1)
        bias = torch.cat([self.whole(d[..., :s], h[..., :s], w[..., :s]), pad.flatten(2)[..., None]],
                         -1)
        ends = [e.expand(len(k), -1, -1, -1) for e in (key, value)]
        return torch.cat([k, ends[0]], 2), torch.cat([v, ends[1]], 2), bias


class Encoder3d(nn.Module):
    """[n, 1, 128, 128, 128] -> [n, 384, 8, 8, 8]."""

    def __init__(self, best, grid=8):
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, grid, grid, grid, WIDTH))
        self.patch_embed = PatchEmbed(nn.Conv3d(1, WIDTH, 16, 16))
        self.blocks = nn.ModuleList()
        for i in range(DEPTH):
            window = 0 if i in GLOBAL else WINDOW
            self.blocks.append(Block(Attention3d(window or grid, best), window, best))
        self.neck = nn.Sequential(
            nn.Conv3d(WIDTH, 384, 1, bias=False), ChannelNorm(384, best),
            nn.Conv3d(384, 384, 3, padding=1, bias=False), ChannelNorm(384, best),
        )

    def forward(self, x):
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.neck(x.movedim(-1, 1))


class PromptEncoder3d(nn.Module):
    def __init__(self, best, width=384, image=128, grid=8):
        super().__init__()
        self.image, self.grid, self.best, self.pe = image, grid, best, None
        self.pe_layer = RandomFourier(3, width // 3)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(2))
        self.not_a_point_embed = nn.Embedding(1, width)
        self.mask_downscaling = nn.Sequential(
            nn.Conv3d(1, 4, 2, 2), ChannelNorm(4, best), nn.GELU(),
            nn.Conv3d(4, 16, 2, 2), ChannelNorm(16, best), nn.GELU(), nn.Conv3d(16, width, 1),
        )
        self.no_mask_embed = nn.Embedding(1, width)

    def sparse(self, points, labels):
        """points [p, n, 3] in voxels, labels [p, n] -> [p, n + 1, width]."""
        pe = self.pe_layer((points + 0.5) / self.image)
        dtype = self.not_a_point_embed.weight.dtype
        added = torch.zeros_like(pe)
        for label, embedding in enumerate(self.point_embeddings):
            added = added + (labels == label)[..., None] * embedding.weight
        end = self.not_a_point_embed.weight.expand(len(pe), 1, -1)
        return torch.cat([(pe + added).to(dtype), end], 1)

    def dense_pe(self):
        """[1, width, grid^3]; axes 0 and 1 are exchanged, as in the released code. Best: kept."""
        if self.pe is not None:
            return self.pe
        at = (torch.arange(self.grid) + 0.5) / self.grid
        a, b, c = torch.meshgrid(at, at, at, indexing="ij")
        pe = self.pe_layer(torch.stack([b, a, c], -1)).movedim(-1, 0)[None]
        pe = pe.to(self.no_mask_embed.weight.dtype)
        if self.best:
            self.pe = pe.clone()
        return pe

    def dense(self, mask):
        if mask is None:
            return self.no_mask_embed.weight.view(1, -1, 1, 1, 1)
        return self.mask_downscaling(mask.to(self.no_mask_embed.weight.dtype))


class MaskDecoder3d(nn.Module):
    def __init__(self, best, width=384):
        super().__init__()
        self.transformer = TwoWay(width, best, lambda: LinMLP(width, 2048, F.relu))
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(4, width)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose3d(width, width // 4, 2, 2), ChannelNorm(width // 4, best), nn.GELU(),
            nn.ConvTranspose3d(width // 4, width // 8, 2, 2), nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP([width, width, width, width // 8]) for _ in range(4)
        )
        self.iou_prediction_head = MLP([width, 256, 256, 4])

    def forward(self, embedding, pe, sparse, dense):
        """-> masks [p, 4, 4g, 4g, 4g], ious [p, 4]."""
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(len(sparse), -1, -1), sparse], 1)
        image = embedding + dense
        q, k = self.transformer(tokens, image.flatten(2).transpose(1, 2),
                                pe.flatten(2).transpose(1, 2))
        up = self.output_upscaling(k.transpose(1, 2).reshape(image.shape))
        hyper = torch.stack([f(q[:, 1 + i]) for i, f in enumerate(self.output_hypernetworks_mlps)], 1)
        masks = (hyper @ up.flatten(2)).unflatten(-1, up.shape[2:])
        return masks, self.iou_prediction_head(q[:, 0])


class SamMed3d(nn.Module):
    def __init__(self, best, encoder=None):
        super().__init__()
        self.image_encoder = encoder or Encoder3d(best)
        self.prompt_encoder = PromptEncoder3d(best)
        self.mask_decoder = MaskDecoder3d(best)

    def encode(self, image):
        return self.image_encoder(image.to(self.mask_decoder.iou_token.weight.dtype))

    def decode(self, embedding, points, labels, mask=None):
        """All four masks at a quarter of the size, and their ious."""
        p = self.prompt_encoder
        return self.mask_decoder(embedding, p.dense_pe(), p.sparse(points, labels), p.dense(mask))

    @staticmethod
    def full(low):
        return F.interpolate(low.float(), scale_factor=4, mode="trilinear", align_corners=False)
