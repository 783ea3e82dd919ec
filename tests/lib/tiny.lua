-- Recipes shrunk until a run takes a second: 16^3 phantoms, a U-Net of 2 channels, 12 steps.
local config = require "semisam.config"
local models = require "semisam.models"
local nn = require "semisam.nn"
local ss = require "semisam"

local tiny = {}

-- A generalist of random weights: enough for what these tests look at.
local function generalist(dir)
  local path = dir .. "/generalist.safetensors"
  nn.seed(7)
  local all = {}
  for name, tensor in pairs(models.new({ "prompt_unet", base = 2, levels = 2 }):state()) do
    if type(name) == "string" then all[name] = tensor end
  end
  ss.safetensors_write(path, all, {})
  return path
end

--- The words of a command line that shrink a recipe, and then `more`. Later words win over earlier ones.
---@param dir string a folder of the test
---@param out string folder of the run below dir
---@param more? string[]
---@return string[]
function tiny.words(dir, out, more)
  local words = {
    "out=" .. dir .. "/" .. out, "data.cache=" .. dir .. "/cache",
    "data.phantoms={train=6, labelled=2, val=2, test=2, size={16,16,16}, seed=3, family=target}",
    "student={unet3d, base=2, levels=2}",
    ("generalists={{prompt_unet, base=2, levels=2, weights=%s}}"):format(generalist(dir)),
    "iters_per_epoch=3", "phases.warmup.epochs=1", "phases.semi.epochs=2", "phases.finetune.epochs=1",
    "every={validate=1, checkpoint=2}", "pseudo.n=2",
    "pseudo.sanity=none", -- random labels would be found harmful, and nothing be learned from them
  }
  for _, word in ipairs(more or {}) do
    local key = word:match("^[^=]*")
    for i = #words, 1, -1 do
      if words[i]:match("^[^=]*") == key then table.remove(words, i) end
    end
    words[#words + 1] = word
  end
  return words
end

--- A recipe of recipes/, shrunk.
function tiny.recipe(name, dir, out, more)
  return config.override(require("recipes." .. name), tiny.words(dir, out, more))
end

--- The final weights of a run as one hash.
function tiny.weights(run)
  local parts = {}
  for name, tensor in pairs(run.student:state()) do
    if type(name) == "string" then parts[#parts + 1] = name .. ss.hash(tensor) end
  end
  table.sort(parts)
  return ss.hash(table.concat(parts))
end

--- log.csv without the columns that depend on the clock: `seconds` and what follows.
function tiny.log(dir)
  local lines, kept = {}, nil
  for line in io.lines(dir .. "/log.csv") do
    if not kept then kept = select(2, line:match("^(.*),seconds,"):gsub(",", "")) + 1 end
    lines[#lines + 1] = line:match("^" .. ("[^,]*,"):rep(kept))
  end
  return table.concat(lines, "\n")
end

return tiny
