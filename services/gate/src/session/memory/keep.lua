-- KEYS: an account's entries, its count. ARGV: session, period (0: nothing is counted), cost, when storage was asked, entry.
local now = clock()
local known = redis.call('HGET', KEYS[1], ARGV[1])
local since = tonumber(known and string.match(known, '^%d+') or 0)
-- One that was long under way brings nothing back that is older than what is known, unless that is of a clock ahead.
if since < tonumber(ARGV[4]) or since > now then
  if redis.call('HLEN', KEYS[1]) >= 1000 then
    redis.call('DEL', KEYS[1])
  end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[4] .. ' ' .. ARGV[5])
  -- Longer than any entry is believed.
  redis.call('PEXPIRE', KEYS[1], 120000)
end
if ARGV[2] == '0' then
  return {now, false, -1, 0, 0}
end
return {now, false, count(KEYS[2], now, tonumber(ARGV[2]), tonumber(ARGV[3]))}
