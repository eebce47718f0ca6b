-- KEYS: an account's entries, its count. ARGV: session, period (0: nothing is counted), cost.
local now = clock()
local entry = redis.call('HGET', KEYS[1], ARGV[1])
-- Dated by the clock of a server that was ahead: it would be believed again when this one has caught up.
if entry and tonumber(string.match(entry, '^%d+') or 0) > now then
  redis.call('HDEL', KEYS[1], ARGV[1])
  entry = false
end
if not entry or ARGV[2] == '0' then
  return {now, entry, -1, 0, 0}
end
return {now, entry, count(KEYS[2], now, tonumber(ARGV[2]), tonumber(ARGV[3]))}
