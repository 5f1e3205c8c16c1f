#!lua
-- Keeps an event until it is delivered: Outbox.put in analytics/outbox.py.
-- KEYS: events, due, tries, done.
-- ARGV: id, body, maximum number of events.
-- Returns 1, or 0 if there is no room.
local events, due, _, done = unpack(KEYS)
local id, body, most = unpack(ARGV)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local known = redis.call('ZSCORE', done, id)
if (known and tonumber(known) > now) or redis.call('HEXISTS', events, id) == 1 then
  return 1
end
if redis.call('HLEN', events) >= tonumber(most) then
  return 0
end
redis.call('HSET', events, id, body)
redis.call('ZADD', due, now, id)
return 1
