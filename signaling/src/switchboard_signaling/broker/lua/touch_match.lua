#!lua
-- Joins what a socket knows of its side into a match's record: apply_touch in session/records.py.
-- KEYS: the record.  ARGV: sid, side or '', n, v, inst, pod, named 0|1, proven 0|1, milliseconds to keep.
-- Returns the record's fields and values.
local key = KEYS[1]
local sid, side, n, v, inst, pod, named, proven, keep = unpack(ARGV)
local a, b = unpack(redis.call('HMGET', key, 'a.sid', 'b.sid'))
if a == sid then side = 'a' elseif b == sid then side = 'b' end
local holder = (side == 'a' and a) or (side == 'b' and b)
if side == '' or (holder and holder ~= sid) then
  return redis.call('HGETALL', key)
end
local known_n, known_v = unpack(redis.call('HMGET', key, side .. '.n', side .. '.v'))
local older = known_n and (tonumber(n) < tonumber(known_n)
  or (tonumber(n) == tonumber(known_n) and tonumber(v) < tonumber(known_v)))
if not older then
  redis.call('HSET', key, side .. '.sid', sid, side .. '.n', n, side .. '.v', v,
    side .. '.inst', inst, side .. '.pod', pod)
end
redis.call('HSETNX', key, side .. '.named', '0')
if named == '1' then
  redis.call('HSET', key, side .. '.named', '1')
end
local a_named, b_named = unpack(redis.call('HMGET', key, 'a.named', 'b.named'))
if (a_named == '1' and b_named == '1') or proven == '1' then
  redis.call('HSETNX', key, 'outcome', 'open')
end
redis.call('PEXPIRE', key, keep)
return redis.call('HGETALL', key)
