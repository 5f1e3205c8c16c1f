#!lua
-- Forgets a delivered event, or schedules another attempt: Outbox.settle in analytics/outbox.py.
-- KEYS: events, due, tries, done.
-- ARGV: id, seconds until the next attempt or '', seconds to remember a delivered event.
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
