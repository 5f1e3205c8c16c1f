#!lua
-- Keeps a list of clients, each for a limited time: MemorySharedStats.add, remove and listed in broker/shared_stats.py.
-- KEYS: ends by name, version.
-- ARGV: 'add', name, seconds, maximum number of names -> 'ok' or 'full'
--       'remove', name -> 'ok'
--       'read', known version -> now, and if the version differs: version, then names and ends in turn
local ends, version = unpack(KEYS)
local act, name, seconds, most = unpack(ARGV)
local time = redis.call('TIME')
local now = tonumber(time[1])
if act == 'read' then
  local newest = redis.call('GET', version) or '0'
  if newest == name then
    return {now}
  end
  local found = redis.call('ZRANGEBYSCORE', ends, '(' .. now, '+inf', 'WITHSCORES')
  table.insert(found, 1, newest)
  table.insert(found, 1, now)
  return found
end
if act == 'add' then
  redis.call('ZREMRANGEBYSCORE', ends, '-inf', now)
  if not redis.call('ZSCORE', ends, name) and redis.call('ZCARD', ends) >= tonumber(most) then
    return 'full'
  end
  redis.call('ZADD', ends, now + tonumber(seconds), name)
else
  redis.call('ZREM', ends, name)
end
redis.call('INCR', version)
return 'ok'
