#!lua
-- Joins what a socket knows of its side into a match's record: apply_touch in session/records.py.
-- KEYS: the record.
-- ARGV: session id, side or '', socket number, version, instance, pod, named 0|1, proven 0|1, milliseconds to keep.
-- Returns the record's fields and values.
local key = KEYS[1]
local session, side, socket, version, instance, pod, named, proven, keep = unpack(ARGV)
local a, b = unpack(redis.call('HMGET', key, 'a.session', 'b.session'))
if a == session then side = 'a' elseif b == session then side = 'b' end
local holder = (side == 'a' and a) or (side == 'b' and b)
if side == '' or (holder and holder ~= session) then
  return redis.call('HGETALL', key)
end
local known_socket, known_version = unpack(redis.call('HMGET', key, side .. '.socket', side .. '.version'))
local older = known_socket and (tonumber(socket) < tonumber(known_socket)
  or (tonumber(socket) == tonumber(known_socket) and tonumber(version) < tonumber(known_version)))
if not older then
  redis.call('HSET', key, side .. '.session', session, side .. '.socket', socket, side .. '.version', version,
    side .. '.instance', instance, side .. '.pod', pod)
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
