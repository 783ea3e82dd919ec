-- semisam convert: the weights of any checkpoint as a safetensors file.
local fail = require "semisam.fail"
local ss = require "semisam"
local weights = require "semisam.weights"

-- What can be told about the output before anything is read.
local function check_output(o)
  if not o.out:lower():find("%.safetensors$") then
    fail.usage("convert: out=%s should end in .safetensors", o.out)
  end
  local folder = o.out:match("^(.*)/[^/]*$")
  if folder and folder ~= "" and not ss.fs.is_dir(folder) then
    fail.create("convert: %s cannot be created, %s is no folder", o.out, folder)
  end
  if not ss.fs.exists(o.out) then return end
  if ss.fs.is_dir(o.out) then fail.create("convert: out=%s is a folder", o.out) end
  if ss.fs.realpath(o.out) == ss.fs.realpath(o.input) then
    fail.usage("convert: out=%s is the file that is read", o.out)
  end
  if not o.force then fail.create("convert: %s exists; --force replaces it", o.out) end
end

-- The tensors to write; float ones as `dtype` unless it is "keep".
local function converted(path, r, dtype)
  local out = {}
  for _, name in ipairs(r.names) do
    if not utf8.len(name) then fail.data("%s: tensor name '%s' is not UTF-8", path, name) end
    local x = r.tensors[name]
    if dtype ~= "keep" and x.dtype:find("f") then
      local before = ss._stats(x)
      x = x:to(dtype)
      local after = ss._stats(x)
      if before and after and after.inf > before.inf then
        fail.data("%s: tensor '%s' has values that %s cannot hold (largest %g)", path, name, dtype,
          math.max(math.abs(before.min), math.abs(before.max)))
      end
    end
    out[name] = x
  end
  return out
end

local function convert(o)
  local r = weights.read(o.input, { container = o.container, prefix = o.prefix, round = o.round,
    crc = o.crc })
  local metadata = r.format == "safetensors" and r.metadata or { format = "pt" }
  ss.safetensors_write(o.out, converted(o.input, r, o.dtype), metadata)
  print(r.summary)
  print(("%s: written"):format(o.out))
end

return {
  summary = "rewrite a checkpoint's weights as safetensors",
  usage = "convert IN OUT.safetensors [container=NAME] [prefix=TEXT] [dtype=f16]",
  positional = { "input", "out" },
  options = {
    input = { "input", required = true, doc = "PyTorch (.pth, .pt) or safetensors file" },
    out = { "output", required = true, doc = "safetensors file to write" },
    container = { "string", doc = "dict to take, keys joined by dots; \"\" takes all [found]" },
    prefix = { "string", doc = "only names that begin so, without it [module., _orig_mod.]" },
    dtype = {
      "string", default = "keep", choices = { "keep", "f32", "f16", "bf16" },
      doc = "type of the floating-point tensors",
    },
    round = { "boolean", doc = "let float64 be rounded to float32" },
    crc = { "boolean", default = true, doc = "refuse a file whose checksums are wrong" },
    force = { "boolean", doc = "replace what is there" },
  },
  details = "No code from a checkpoint is ever run. `semisam inspect` shows what is in one.",
  run = function(o)
    check_output(o)
    ss.no_grad(ss.scoped, convert, o)
  end,
}
