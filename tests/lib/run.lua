-- Runs the program as a person would: arguments in, status, output and messages out.
local run = {}

---The program under test.
run.program = os.getenv("SEMISAM") or "build/dev/semisam"

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end
run.quote = quote

local function slurp(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read("a")
  f:close()
  os.remove(path)
  return text
end

---Runs a shell command line in which $S is the program.
---@param line string
---@param options? {stdin?: string, limit?: number}
---@return {status: integer, out: string, err: string}
function run.shell(line, options)
  options = options or {}
  local base = os.tmpname()
  local input = "/dev/null"
  if options.stdin then
    input = base .. ".in"
    local f = assert(io.open(input, "wb"))
    f:write(options.stdin)
    f:close()
  end
  local _, how, code = os.execute(("S=%s; export S; timeout -k 5 %d sh -c %s <%s >%s.out 2>%s.err")
    :format(quote(run.program), options.limit or 60, quote(line), quote(input), base, base))
  if options.stdin then os.remove(input) end
  os.remove(base)
  return {
    status = how == "signal" and 128 + code or code,
    out = slurp(base .. ".out"), err = slurp(base .. ".err"),
  }
end

---Runs the program with arguments taken literally.
---@param args string[]
---@param options? table
function run.semisam(args, options)
  local words = { "exec \"$S\"" }
  for _, a in ipairs(args) do words[#words + 1] = quote(a) end
  return run.shell(table.concat(words, " "), options)
end

---A refusal: this status, nothing on stdout, one line on stderr that matches the pattern.
---@param t table the harness
function run.refuses(t, args, status, pattern, options)
  local r = run.semisam(args, options)
  local label = table.concat(args, " "):sub(1, 100)
  t.eq(r.status, status, label .. " -> " .. r.err:sub(1, 300))
  t.match(r.err, "^semisam: [^\n]+\n$", label)
  t.match(r.err, pattern, label)
  t.eq(r.out, "", label)
  return r
end

---Writes a file and returns its path.
function run.write(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
  return path
end

return run
