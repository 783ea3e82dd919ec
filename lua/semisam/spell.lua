-- The nearest of some words, for messages about a misspelt one.
local spell = {}

-- Edits between a and b: insert, delete, replace, swap neighbours (optimal string alignment).
local function distance(a, b)
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

---The word nearest to `word` among `words`, or nil when none is near.
---@param word string
---@param words string[]
---@return string?
function spell.nearest(word, words)
  word = tostring(word):sub(1, 64)
  local lower, best, best_distance = word:lower(), nil, math.huge
  for _, w in ipairs(words) do
    local d = distance(lower, w:sub(1, 64):lower())
    -- A word that continues what was typed is near however long it is.
    if #word >= 3 and w:sub(1, #word) == word then d = math.min(d, 1.5) end
    if d < best_distance or (d == best_distance and w < best) then best, best_distance = w, d end
  end
  if best and best_distance <= math.max(1.5, #word / 3) then return best end
end

---"; did you mean 'x'?" or the empty string.
---@param word string
---@param words string[]
---@return string
function spell.hint(word, words)
  local w = spell.nearest(word, words)
  return w and ("; did you mean '%s'?"):format(w) or ""
end

---The keys of a table as strings, sorted.
---@param t table
---@return string[]
function spell.keys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = tostring(k) end
  table.sort(keys)
  return keys
end

return spell
