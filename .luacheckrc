std = "lua54"
max_line_length = 100
ignore = { "21./_.*" }
globals = {}
exclude_files = { "build", "lua/meta" }
files["tests/**"] = { max_line_length = 110 }
