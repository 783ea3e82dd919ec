-- The SS_LAUNCH sites of the twins, and which of them a log of the emulator ($SS_EMULATE_LAUNCHES) has.
local launches = {}

local function slurp(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "a"
  f:close()
  return text
end

local function blank(s) return (s:gsub("[^\n]", " ")) end

-- Comments and the bodies of #define are no code, but lines keep their numbers.
local function code_of(text)
  text = text:gsub("/%*.-%*/", blank):gsub("//[^\n]*", blank)
  local out, inside = {}, false
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local macro = inside or line:match "^%s*#" ~= nil
    inside = macro and line:match "\\%s*$" ~= nil
    out[#out + 1] = macro and "" or line
  end
  return table.concat(out, "\n")
end

local function squeeze(s) return (s:gsub("%s+", "")) end

-- The second argument of a call whose arguments begin at `from`: the kernel.
local function kernel_at(text, from)
  local depth, start, i = 0, nil, from
  while i <= #text do
    local c = text:sub(i, i)
    if c:match "[%(%[{<]" then
      depth = depth + 1
    elseif c:match "[%)%]}>]" and text:sub(i - 1, i) ~= "->" then
      depth = depth - 1
    elseif c == "," and depth == 0 then
      if start then return squeeze(text:sub(start, i - 1)) end
      start = i + 1
    end
    i = i + 1
  end
  error "an SS_LAUNCH without its arguments"
end

local function stem(path) return path:match "([^/]*)$" end

---Every launch in the files: {file, line, kernel}.
function launches.sites(files)
  local list = {}
  for _, path in ipairs(files) do
    local text = code_of(slurp(path))
    local line, done = 1, 1
    for at, from in text:gmatch "()SS_LAUNCH%(()" do
      for _ in text:sub(done, at - 1):gmatch "\n" do line = line + 1 end
      done = at
      list[#list + 1] = { file = stem(path), path = path, line = line, kernel = kernel_at(text, from) }
    end
  end
  return list
end

---What the logs hold: file .. kernel -> {lines = number of lines it was launched from}, and
---file -> the most threads a block had.
function launches.logged(paths)
  local seen, threads = {}, {}
  for _, path in ipairs(paths) do
    for entry in io.lines(path) do
      local file, line, n, kernel = entry:match "^(.-):(%d+) (%d+) (.*)$"
      local key = file .. ":" .. squeeze(kernel)
      seen[key] = seen[key] or { count = 0, at = {} }
      if not seen[key].at[line] then
        seen[key].at[line] = true
        seen[key].count = seen[key].count + 1
      end
      threads[file] = math.max(threads[file] or 0, tonumber(n))
    end
  end
  return seen, threads
end

---The sites that no log has, as sentences. A kernel that a file launches from several places has to
---be launched from as many lines.
function launches.missing(sites, seen)
  local places = {}
  for _, s in ipairs(sites) do
    local key = s.file .. ":" .. s.kernel
    places[key] = places[key] or {}
    table.insert(places[key], s)
  end
  local list = {}
  for key, there in pairs(places) do
    local count = seen[key] and seen[key].count or 0
    if count < #there then
      list[#list + 1] = ("%s:%d: %s was launched from %d of %d places"):format(there[1].path,
        there[1].line, there[1].kernel, count, #there)
    end
  end
  table.sort(list)
  return list
end

return launches
