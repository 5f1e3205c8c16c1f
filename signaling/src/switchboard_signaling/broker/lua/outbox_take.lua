#!lua
-- Takes events to deliver, for a lease: Outbox.take in analytics/outbox.py.
-- KEYS: events, due, tries, done.
-- ARGV: seconds of the lease, maximum number of events.
-- Returns {id, body, tries} per event.
local events, due, tries = unpack(KEYS)
local lease, count = unpack(ARGV)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, count)) do
  redis.call('ZADD', due, now + tonumber(lease), id)
  taken[#taken + 1] = {id, redis.call('HGET', events, id), redis.call('HINCRBY', tries, id, 1)}
end
return taken
