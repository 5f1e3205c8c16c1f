#!lua
-- Forgets an event that is delivered, or has it tried again: Outbox.settle in analytics/outbox.py.
-- KEYS: events, due, tries, done.  ARGV: id, seconds until the next try or '', seconds to remember it.
local events, due, tries, done = unpack(KEYS)
local id, again, memory = unpack(ARGV)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
if again ~= '' then
  redis.call('ZADD', due, 'XX', now + tonumber(again), id)
  return 1
end
redis.call('HDEL', events, id)
redis.call('HDEL', tries, id)
redis.call('ZREM', due, id)
redis.call('ZREMRANGEBYSCORE', done, '-inf', now)
redis.call('ZADD', done, now + tonumber(memory), id)
return 1
