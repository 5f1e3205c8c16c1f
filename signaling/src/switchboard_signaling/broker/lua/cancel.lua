#!lua
-- Takes a ticket out of the line for good, unless it is matched: Line.cancel in matching/line.py.
-- KEYS: tickets, order, fates, forget.  ARGV: ticket, memory in seconds.  Returns the proposal, or ''.
local tickets, order, fates, forget = unpack(KEYS)
local name, memory = unpack(ARGV)
local fate = redis.call('HGET', fates, name)
if fate and fate ~= '' then
  return fate
end
redis.call('HDEL', tickets, name)
redis.call('ZREM', order, name)
redis.call('HSET', fates, name, '')
redis.call('ZADD', forget, tonumber(redis.call('TIME')[1]) + tonumber(memory), name)
return ''
