-- gpus.lua — the cards that `semisam plan` knows: what their makers say of memory and rates. Rates
-- are of matrix products with f32 sums, in 10^12 operations, and of memory in 10^9 bytes a second.
local gpus = {}

-- Parts of the peak rates that real work reaches; estimates within a factor of two.
gpus.REACHED = { product = 0.5, memory = 0.75 }
gpus.LAUNCH = 5e-6 -- seconds of a kernel that does nothing

-- What CUDA and its libraries hold beside the tensors of a process, in 10^9 bytes.
gpus.CONTEXT = 0.45

---@class semisam.gpu
---@field title string
---@field capability integer 70 for sm_70
---@field memory number 10^9 bytes
---@field f32 number
---@field f16 number
---@field bandwidth number

---@type table<string, semisam.gpu>
gpus.cards = {
  titanv = { title = "NVIDIA TITAN V", capability = 70, memory = 12.6, f32 = 14.9, f16 = 110,
    bandwidth = 653 },
  t4 = { title = "NVIDIA T4", capability = 75, memory = 15.8, f32 = 8.1, f16 = 65,
    bandwidth = 320 },
  a100 = { title = "NVIDIA A100 40 GB", capability = 80, memory = 42.3, f32 = 19.5, f16 = 312,
    bandwidth = 1555 },
  rtx3090 = { title = "NVIDIA RTX 3090", capability = 86, memory = 25.4, f32 = 35.6, f16 = 71,
    bandwidth = 936 },
  rtx4090 = { title = "NVIDIA RTX 4090", capability = 89, memory = 25.4, f32 = 82.6, f16 = 165,
    bandwidth = 1008 },
  h100 = { title = "NVIDIA H100 SXM", capability = 90, memory = 85.0, f32 = 67, f16 = 989,
    bandwidth = 3350 },
}

--- Names of the cards, in order of their age and size.
function gpus.names() return { "titanv", "t4", "rtx3090", "a100", "rtx4090", "h100" } end

--- What ss._pace wants.
---@param card semisam.gpu
function gpus.pace(card)
  return {
    flops_f32 = card.f32 * 1e12 * gpus.REACHED.product,
    flops_f16 = card.f16 * 1e12 * gpus.REACHED.product,
    bytes = card.bandwidth * 1e9 * gpus.REACHED.memory, launch = gpus.LAUNCH,
  }
end

return gpus
