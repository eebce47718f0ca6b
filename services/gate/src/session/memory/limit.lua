-- KEYS: a count. ARGV: period, cost.
local now = clock()
return {now, false, count(KEYS[1], now, tonumber(ARGV[1]), tonumber(ARGV[2]))}
