#!lua
--include take
-- Takes a ticket out of the line for good; if it is matched, it will not return: Line.cancel in matching/line.py.
-- KEYS: tickets, prefix of the orders, fates, forget, shelves, cursors, heard, prefix of the buckets.
-- ARGV: ticket, memory in seconds.
-- Returns the proposal, or ''.
local tickets, orders, fates, forget, shelves, cursors, heard, bucket = unpack(KEYS)
local name, memory = unpack(ARGV)
local until_then = tonumber(redis.call('TIME')[1]) + tonumber(memory)
local fate = redis.call('HGET', fates, name)
if fate and fate ~= '' then
  redis.call('HSET', fates, 'left:' .. name, '')
  redis.call('ZADD', forget, until_then, 'left:' .. name)
  return fate
end
take(name, tickets, orders, shelves, cursors, heard, bucket)
redis.call('HSET', fates, name, '')
redis.call('ZADD', forget, until_then, name)
return ''
