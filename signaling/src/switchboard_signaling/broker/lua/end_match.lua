#!lua
-- Sets the outcome of a match, once: apply_end in session/records.py.
-- KEYS: the record.
-- ARGV: session id, side or '', reason, only_forming 0|1, socket number and version at which the other side must still
-- stand or '' and '', milliseconds to keep.
-- Returns the record's fields and values.
local key = KEYS[1]
local session, side, reason, only_forming, unseen_socket, unseen_version, keep = unpack(ARGV)
local a, b, outcome = unpack(redis.call('HMGET', key, 'a.session', 'b.session', 'outcome'))
if a == session then side = 'a' elseif b == session then side = 'b' end
local open = outcome == 'open'
local over = outcome and not open
if side == '' or over or (only_forming == '1' and open) then
  return redis.call('HGETALL', key)
end
local other = side == 'a' and 'b' or 'a'
local socket, version = unpack(redis.call('HMGET', key, other .. '.socket', other .. '.version'))
local moved = socket and (tonumber(socket) ~= tonumber(unseen_socket) or tonumber(version) ~= tonumber(unseen_version))
if unseen_socket ~= '' and moved then
  return redis.call('HGETALL', key)
end
redis.call('HSET', key, 'outcome', open and 'ended' or 'aborted', 'by', side, 'reason', reason)
redis.call('PEXPIRE', key, keep)
return redis.call('HGETALL', key)
