-- Semi-SAM+: a student learns from a few labels, from its own average on unlabelled volumes, and
-- from frozen promptable generalists whose stable answers become pseudo-labels.
--
--   semisam recipes/semi_sam_plus.lua                      phantoms, 2 labelled of 42
--   semisam recipes/semi_sam_plus.lua data=DIR             your folder
--   semisam recipes/semi_sam_plus.lua data=DIR data.n_labelled=3
local ss = require "semisam"
local aug = require "semisam.data.augment"
local open = ss.config.open -- takes any keys

return {
  name = "semi_sam_plus", seed = 0, out = "", resume = "", quiet = false,
  precision = "f32", -- the student computes in f32, bf16 or f16; weights stay f32
  device = "cpu", -- or cuda, cuda:1: where networks, losses and pseudo-labels are computed
  max_gb = false, -- most memory in 10^9 bytes; false: half of what the machine has
  data = {
    root = "", -- nnU-Net, MSD or images/ + labels/ folder; empty: phantoms
    phantoms = {
      train = 42, labelled = 2, val = 20, test = 24, size = { 32, 32, 32 }, seed = 1,
      family = "target",
      settings = open {}, -- of ss.phantom
    },
    split = "", fold = 0, pick = "seed", seed = 0, -- who has which role
    n_labelled = false, n_unlabelled = false, n_val = false, n_test = false, -- false: all
    -- false or empty: chosen from the data. spacing: voxel side in mm to resample to, or "keep";
    -- patch: window of a step; classes: 1 for inside or not, n for labels 0 to n - 1
    normalise = "minmax", spacing = false, true_spacing = false, size = open {},
    centre = "volume", signal = "display", beam = "h", dynamic_range = 60, -- signal: also rf
    patch = open {}, classes = false, label_channel = 1, workers = 1, cache = "",
  },
  batch = { labelled = 2, unlabelled = 2, accumulate = 1 },
  iters_per_epoch = 10, -- 0: as many as the labelled cases fill
  method = open { "semi_sam_plus" }, -- of semisam.methods, and its options
  student = open { "unet3d", base = 8 }, -- a network of semisam.models and its options
  generalists = { { "prompt_unet", base = 8, weights = "" } },
  pretrain = "pretrain_generalist", -- recipe that makes weights where there are none
  weak = { aug.flip { axes = { "d", "w" } }, aug.turn {} },
  strong = {
    aug.contrast {}, aug.noise {}, aug.speckle {}, aug.blur {}, aug.tgc {}, aug.shadow {},
    aug.cutout {},
  },
  optim = open { "adamw", weight_decay = 1e-4 },
  ema = { alpha = 0.99, warm = true, buffers = true, mode = "eval" },
  phases = {
    warmup = { epochs = 10, lr = 2e-3 },
    semi = { epochs = 40, lr = 2e-3, patience = 0 },
    finetune = { epochs = 10, lr = 2e-4, teacher = "frozen" },
  },
  lambda = { max = 1, ramp = "sigmoid", epochs = 10 },
  beta = { max = 3, ramp = "exp_decay", epochs = 40 },
  loss = {
    sup = { ce = 0.5, dice = 0.5, per_sample = false, plain = false },
    con = "mse", samples = "unlabelled", view = "strong", noise = 0.1,
    balance = "none", reduce = "volume", roi = "none",
  },
  pseudo = {
    n = 2, u_th = 0.05, quantile = false, -- trusted: variance below u_th, or the calmest part
    vote = "soft", target = "mean", sharpen = 1,
    queue = { "mask", "points" }, -- also box, mix (mask and points), clicks
    points = 1, negatives = 0, points_by = "core", box_jitter = 0.05, clicks = 10,
    mask_prompt = "mask", mask_logit = 4, min_voxels = 20, min_part = 1e-5, empty = "skip",
    geometry = { aug.flip { axes = { "d", "w" } }, aug.turn {} },
    photometric = open {},
    identity_first = true, coarse_from = "student", refresh = 0, jitter = false, dilate = 3,
    -- validation: no L_rs-con while labels are `worse` than their masks on validation cases
    sanity = "validation", worse = 0.05, -- log, labelled: see recipes/README.md
    shuffled = false, -- a control: every volume gets the label of its neighbour in the batch
  },
  ship = "best", -- the average at its best validation Dice, or the "last" one
  infer = { overlap = 0.5, blend = "flat" }, -- of patches; blend: flat, triangle, gauss
  every = { validate = 5, checkpoint = 100 }, -- epochs, steps
  watch = {
    cases = 2, seconds = 30, tensorboard = true, -- pictures and pace of report.html
    pseudo = 0, -- validation cases on which coarse masks and pseudo-labels are held against truth
    last = false, -- test the average of the last step too, into test_last/
  },
}
