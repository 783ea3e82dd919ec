-- wide.lua — f32 convolutions with 3x3 kernels go through sums of tiles (kernels/support/winograd.h);
-- the same with columns of zeros beside the kernel does not, and is held against it.
local ss = require "semisam"
local t = require "tests.lib.t"

local wide = {}

-- y and the gradients of x, w and b.
local function trained(leaves, dy, forward)
  local own = {}
  for i, v in ipairs(leaves) do own[i] = v:copy():requires_grad_(true) end
  local y = forward(table.unpack(own))
  y:backward(dy)
  local list = { y:detach() }
  for i, v in ipairs(own) do list[i + 1] = v.grad end
  return list
end

---Holds forward(x, w, b) against conv3d of change(x) with the wide kernel, and all gradients.
---@param c { [1]: integer[], [2]: integer[], [3]: integer[] } shapes of x and w, pad
---@param forward fun(x: tensor, w: tensor, b: tensor, pad: integer[]): tensor
---@param change fun(x: tensor): tensor
function wide.check(c, forward, change)
  local x, w, b = ss.normal(c[1], 1), ss.normal(c[2], 2), ss.normal({ c[2][1] }, 3)
  if x.device ~= "cpu" then return end -- no such code on a GPU
  local pad, label = c[3], table.concat(c[1], "x") .. " -> " .. c[2][1]
  local dy = ss.normal(ss.no_grad(forward, x, w, b, pad).shape, 4)
  local got = trained({ x, w, b }, dy, function(x1, w1, b1) return forward(x1, w1, b1, pad) end)
  local want = trained({ x, w, b }, dy, function(x1, w1, b1)
    local shape = { table.unpack(c[2]) }
    shape[5] = 1
    local zeros = ss.zeros(shape)
    return change(x1):conv3d(ss.cat({ zeros, w1, zeros }, 5), b1, { pad = { pad[1], pad[2], pad[3] + 1 } })
  end)
  for k, name in ipairs { "y", "dx", "dw", "db" } do
    local off, size = (got[k] - want[k]):abs():max():item(), want[k]:abs():max():item()
    t.ok(off <= 4e-6 * size, ("%s: %s is off by %g of %g"):format(label, name, off, size))
  end
end

return wide
