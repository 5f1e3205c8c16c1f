#!lua
--include remove
-- Removes a ticket from the queue permanently; a matched ticket will not return: MatchQueue.cancel in matching/queue.py.
-- KEYS: tickets, prefix of the orders, outcomes, forget, index, cursors, refreshed, prefix of the buckets.
-- ARGV: ticket, seconds to remember it.
-- Returns the proposal, or ''.
local tickets, orders, outcomes, forget, index, cursors, refreshed, bucket = unpack(KEYS)
local name, memory = unpack(ARGV)
local expires = tonumber(redis.call('TIME')[1]) + tonumber(memory)
local outcome = redis.call('HGET', outcomes, name)
if outcome and outcome ~= '' then
  redis.call('HSET', outcomes, 'abandoned:' .. name, '')
  redis.call('ZADD', forget, expires, 'abandoned:' .. name)
  return outcome
end
remove(name, tickets, orders, index, cursors, refreshed, bucket)
redis.call('HSET', outcomes, name, '')
redis.call('ZADD', forget, expires, name)
return ''
