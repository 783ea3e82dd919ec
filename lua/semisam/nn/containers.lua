-- nn/containers.lua — modules made of modules.
local ss = require "semisam"
local module = require "semisam.nn.module"
local layers = require "semisam.nn.layers"

local M = {}

---Run steps in order. A step is a module, registered as "0", "1", ... by its place as in torch, or
---a plain function of one tensor, which takes up its number as well. What lies between two steps is
---released when the next has it, unless the tape holds it.
M.sequential = module.define {
  name = "sequential",
  init = function(self, ...)
    local steps = {}
    for i, step in ipairs { ... } do
      local name = tostring(i - 1)
      if module.is_module(step) then
        self[name] = step
        steps[i] = name
      else
        steps[i] = step
      end
    end
    self.steps = steps
  end,
  forward = function(self, x)
    for _, step in ipairs(self.steps) do
      local y = (type(step) == "string" and self[step] or step)(x)
      if not rawequal(x, y) then ss.done(x) end
      x = y
    end
    return x
  end,
}

---Modules under the names "0", "1", ...; `for i, m in ipairs(list:children())` goes through them.
M.list = module.define {
  name = "list",
  init = function(self, modules)
    for i, m in ipairs(modules) do self[tostring(i - 1)] = m end
  end,
}

---lin2(gelu(lin1(x))) + residual: the MLP of transformer blocks.
M.mlp = module.define {
  name = "mlp",
  init = function(self, channels, hidden)
    self.lin1 = layers.linear(channels, hidden, { act = "gelu" })
    self.lin2 = layers.linear(hidden, channels)
  end,
  forward = function(self, x, residual) return self.lin2(self.lin1(x), residual) end,
}

return M
