-- Normal distribution function by Simpson's rule over the density.
return function(x)
  if x > 9 then return 1 elseif x < -9 then return 0 end
  local n, sum = 400, 0
  local h = x / n
  for i = 0, n do
    local w = (i == 0 or i == n) and 1 or i % 2 == 1 and 4 or 2
    sum = sum + w * math.exp(-0.5 * (i * h) ^ 2)
  end
  return 0.5 + sum * h / 3 / math.sqrt(2 * math.pi)
end
