#!lua
-- Reads the totals of the newest slots of time, and what the pods have just now.
-- KEYS: prefix of the totals.  ARGV: seconds of a slot, how many slots, seconds for which a pod's word holds.
-- Returns {slots, pods}, each a list of names and values in turn.
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
