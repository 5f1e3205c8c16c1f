#!lua
-- Sets the outcome of a match, once: apply_end in session/records.py.
-- KEYS: the record.  ARGV: sid, side or '', reason, only_forming 0|1, n and v of the other side or '' and '',
-- milliseconds to keep.  Returns the record's fields and values.
local key = KEYS[1]
local sid, side, reason, only_forming, unseen_n, unseen_v, keep = unpack(ARGV)
local a, b, outcome = unpack(redis.call('HMGET', key, 'a.sid', 'b.sid', 'outcome'))
if a == sid then side = 'a' elseif b == sid then side = 'b' end
local open = outcome == 'open'
local over = outcome and not open
if side == '' or over or (only_forming == '1' and open) then
  return redis.call('HGETALL', key)
end
local other = side == 'a' and 'b' or 'a'
local n, v = unpack(redis.call('HMGET', key, other .. '.n', other .. '.v'))
if unseen_n ~= '' and n and (tonumber(n) ~= tonumber(unseen_n) or tonumber(v) ~= tonumber(unseen_v)) then
  return redis.call('HGETALL', key)
end
redis.call('HSET', key, 'outcome', open and 'ended' or 'aborted', 'by', side, 'reason', reason)
redis.call('PEXPIRE', key, keep)
return redis.call('HGETALL', key)
