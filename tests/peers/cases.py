"""What bench.py times. make(name, dtype, way) builds a network once and returns the timed function.

bf16, f16: in the best way weights are cast once, trained ones too, as `semisam bench models` does (but for
the distillation, where PyTorch's autocast is faster); in the official way it is autocast over f32
weights. The student's decoder stays in f32, semisam's default."""

import numpy as np
import torch

import formula
from hiera import prepare
from layers import HALVES, autocast, dice_ce_binary, dice_ce_classes
from medsam2 import MedSam2
from sam_med3d import SamMed3d
from student import Student
from tiny import distillation, tiny_sam_med3d
from tracker import Tracker, full_bank

VOLUME = (1, 1, 128, 128, 128)
BOX = [150.0, 140.0, 360.0, 380.0]


def volume():
    return formula.tensor("input", VOLUME)


def clicks():
    return torch.tensor([[[40.0, 60.0, 70.0], [90.0, 30.0, 50.0]]]), torch.tensor([[1, 0]])


def inference(step, dtype, best):
    """step without gradients; the official way in halves is autocast."""
    mode = torch.inference_mode if best else torch.no_grad

    def run():
        with mode(), autocast(dtype, not best):
            return step()

    return run


def training(net, loss, dtype, best):
    """Forward and backward of loss(); the official way in halves is autocast."""

    def run():
        net.zero_grad(set_to_none=True)
        with autocast(dtype, not best):
            value = loss()
        value.backward()
        return value.detach()

    return run


def cast(module, dtype, best):
    return module.to(HALVES[dtype]) if dtype in HALVES and best else module


# ---- the student


def student(dtype, best):
    net = formula.build(lambda: Student(best)).freeze_encoder()
    cast(net.image_encoder, dtype, best)
    return net, volume()


def student_encode(net, x, dtype, best):
    """Features in f32; the official encoder in halves runs under autocast."""
    with autocast(dtype, not best):
        features = net.encode(x)
    return features.float()


def student_forward(dtype, best):
    net, x = student(dtype, best)
    return inference(lambda: net.decode(student_encode(net, x, dtype, best)), "f32", best)


def student_train(dtype, best):
    net, x = student(dtype, best)
    labels = (x[:, 0] > 0.5).long()
    net.train()
    return training(
        net, lambda: dice_ce_classes(net.decode(student_encode(net, x, dtype, best)), labels), "f32",
        best)


# ---- SAM-Med3D


def sam_med3d(best):
    return formula.build(lambda: SamMed3d(best))


def sam_med3d_encode(dtype, best):
    net, x = cast(sam_med3d(best), dtype, best), volume()
    return inference(lambda: net.encode(x), dtype, best)


def decode(net, dtype, best):
    """Two clicks and the previous mask: the four masks of the decoder at a quarter of the size."""
    embedding = formula.tensor("embedding", (1, 384, 8, 8, 8)).to(net.mask_decoder.iou_token.weight.dtype)
    mask, (points, labels) = formula.tensor("mask", (1, 1, 32, 32, 32)), clicks()
    return inference(lambda: net.decode(embedding, points, labels, mask), dtype, best)


def sam_med3d_decode(dtype, best):
    return decode(cast(sam_med3d(best), dtype, best), dtype, best)


def sam_med3d_train(dtype, best):
    net, x = cast(sam_med3d(best), dtype, best).train(), volume()
    mask, (points, labels) = torch.zeros(1, 1, 32, 32, 32), clicks()
    target = (x > 0.5).float()

    def loss():
        low, _ = net.decode(net.encode(x), points, labels, mask)
        return dice_ce_binary(net.full(low[:, :1]), target)

    return training(net, loss, dtype, best)


# ---- Tiny SAM-Med3D


def tiny(best, dtype):
    net = formula.build(lambda: tiny_sam_med3d(best))
    if best:
        net.image_encoder.fold()
    if best and dtype in HALVES:  # half the time there; none gained in f32 or in training
        net.image_encoder.to(memory_format=torch.channels_last_3d)
    return cast(net, dtype, best)


def tiny_encode(dtype, best):
    net, x = tiny(best, dtype), volume()
    return inference(lambda: net.encode(x), dtype, best)


def tiny_decode(dtype, best):
    return decode(tiny(best, dtype), dtype, best)


def tiny_train(dtype, best):
    """A step of distillation: the encoder in train mode against the features of a teacher."""
    net = formula.build(lambda: tiny_sam_med3d(best)).image_encoder.train()
    x, teacher = volume(), formula.tensor("teacher", (1, 384, 8, 8, 8))
    return training(net, lambda: distillation(net(x), teacher), dtype, best=False)


# ---- MedSAM2


def medsam2(dtype, best):
    return cast(formula.build(lambda: MedSam2(best), "medsam2"), dtype, best)


def slices(count):
    shape = (count, 512, 512)
    out = np.empty(shape, np.uint8)
    for i in range(count):
        u = formula.uniform("input", i * 512 * 512, 512 * 512)
        out[i] = np.floor(256 * u).reshape(512, 512)
    return out


def medsam2_encode(dtype, best):
    net, x = medsam2(dtype, best), prepare(slices(1))
    return inference(lambda: net.encode(x), dtype, best)


def medsam2_track(dtype, best):
    """Memory attention over the full bank, mask decoder, memory encoder; the slice is encoded."""
    net, one = medsam2(dtype, best), slices(1)
    tracker = full_bank(net, np.broadcast_to(one, (17, 512, 512)), formula.tensor)
    tracker.features[16] = inference(lambda: net.encode(prepare(one)), dtype, best)()
    return inference(lambda: tracker.track(16, False), dtype, best)


def medsam2_propagate(dtype, best):
    """64 slices from a box on the middle one: forward, again from the box, reverse."""
    net, data = medsam2(dtype, best), slices(64)
    return inference(lambda: Tracker(net, data).segment(32, BOX), dtype, best)


MAKERS = [student_forward, student_train, sam_med3d_encode, sam_med3d_decode, sam_med3d_train,
          tiny_encode, tiny_decode, tiny_train, medsam2_encode, medsam2_track, medsam2_propagate]
NAMES = [make.__name__ for make in MAKERS]


def make(name, dtype, way):
    return globals()[name](dtype, way == "best")
