-- The first part of every script. Times are microseconds by this server's clock, exact in Lua's numbers until 2255.
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Rate::step in limit.rs: answers what remains, the time until nothing is owed, and the time to wait.
local function count(key, now, period, cost)
  local paid = tonumber(redis.call('GET', key) or now)
  paid = math.min(math.max(paid, now), now + period)
  local next = paid + cost
  local wait = next - now - period
  if wait > 0 then
    return 0, paid - now, wait
  end
  redis.call('SET', key, string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
  return math.floor(-wait / cost), next - now, 0
end
