#!lua
-- Adds to the totals of the current slot, once per number of a pod: MemorySharedStats.count in broker/shared_stats.py.
-- KEYS: prefix of the totals.
-- ARGV: pod, number, the pod's state, seconds per slot, seconds to keep, then alternating names and numbers.
local prefix = KEYS[1]
local pod, number, live, slot, keep = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local now = tonumber(redis.call('TIME')[1])
redis.call('HSET', prefix .. ':live', pod, live)
redis.call('ZADD', prefix .. ':seen', now, pod)
if tonumber(redis.call('HGET', prefix .. ':numbers', pod) or '0') >= number then
  return 0
end
redis.call('HSET', prefix .. ':numbers', pod, ARGV[2])
local key = prefix .. ':' .. string.format('%.0f', math.floor(now / slot))
for i = 6, #ARGV, 2 do
  redis.call('HINCRBY', key, ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', key, keep)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', prefix .. ':seen', '-inf', now - slot, 'LIMIT', 0, 32)) do
  redis.call('ZREM', prefix .. ':seen', gone)
  redis.call('HDEL', prefix .. ':live', gone)
  redis.call('HDEL', prefix .. ':numbers', gone)
end
return 1
