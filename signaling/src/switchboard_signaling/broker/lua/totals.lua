#!lua
-- Reads the totals of the newest slots, and the pods' state.
-- KEYS: prefix of the totals.
-- ARGV: seconds per slot, number of slots, seconds for which a pod's state is valid.
-- Returns {slots, pods}, each a list of alternating names and values.
local prefix = KEYS[1]
local slot, count, holds = unpack(ARGV)
local now = tonumber(redis.call('TIME')[1])
local newest = math.floor(now / slot)
local slots = {}
for i = newest - count + 1, newest do
  slots[#slots + 1] = redis.call('HGETALL', prefix .. ':' .. string.format('%.0f', i))
end
local lives = {}
for _, pod in ipairs(redis.call('ZRANGEBYSCORE', prefix .. ':seen', now - holds, '+inf')) do
  local live = redis.call('HGET', prefix .. ':live', pod)
  if live then
    lives[#lives + 1] = pod
    lives[#lives + 1] = live
  end
end
return {slots, lives}
