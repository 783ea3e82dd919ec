-- sampler.lua — which cases make batch number i. Two streams, one of labelled and one of unlabelled
-- cases; each runs through its cases in an order shuffled anew for every round. The position is the
-- number of the step alone, so it needs no saving: a resumed run asks for the next step.
local rng = require "semisam.rng"

local sampler = {}

local Stream = {}
Stream.__index = Stream

--- A stream over n cases. `drop_last`: a round holds whole batches only, what does not fill one is
--- left out of that round (another remainder each time).
---@param n integer cases
---@param opts {seed: integer, purpose: string, batch: integer, drop_last: boolean?}
function sampler.stream(n, opts)
  if n < 1 then error("sampler: a stream needs at least one case, got 0", 2) end
  if opts.batch < 1 then
    error(("sampler: batch must be at least 1, got %d"):format(opts.batch), 2)
  end
  local per_round = n
  if opts.drop_last and n >= opts.batch then per_round = n - n % opts.batch end
  return setmetatable({
    n = n, seed = opts.seed, purpose = opts.purpose, batch = opts.batch, per_round = per_round,
  }, Stream)
end

function Stream:order(round)
  if self.round ~= round then
    self.round = round
    self.orders = rng { seed = self.seed, epoch = round, purpose = "order " .. self.purpose }
      :permutation(self.n)
  end
  return self.orders
end

--- Batch number `step` (from 0): a list of { index = case number from 1, draw = how often the
--- stream had drawn before }. `draw` names the randomness of the sample.
function Stream:at(step)
  local out = {}
  for k = 1, self.batch do
    local draw = step * self.batch + k - 1
    out[k] = {
      index = self:order(draw // self.per_round)[draw % self.per_round + 1],
      draw = draw, round = draw // self.per_round,
    }
  end
  return out
end

--- Batches in a round; at least 1.
function Stream:batches() return math.max(1, self.per_round // self.batch) end

return sampler
