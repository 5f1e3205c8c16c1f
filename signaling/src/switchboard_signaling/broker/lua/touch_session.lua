#!lua
-- Joins what a socket knows into its session's record: apply_session in protocol/store.py.
-- KEYS: the record.  ARGV: n, attach, c, rank and text of the want, inst, pod, milliseconds to keep.
-- Returns whether the socket is stale, then the record before and after: n, attach, want, inst, pod each.
local key = KEYS[1]
local n, attach, c, rank, want, inst, pod, keep = unpack(ARGV)
local function record()
  return redis.call('HMGET', key, 'n', 'attach', 'want', 'inst', 'pod')
end
local before = record()
if before[1] then
  local known = tonumber(before[1])
  if tonumber(n) < known or (tonumber(n) == known and attach ~= before[2]) then
    return {1, before, before}
  end
end
local known_c, known_rank = unpack(redis.call('HMGET', key, 'c', 'rank'))
local newer = not known_c or tonumber(c) > tonumber(known_c)
  or (tonumber(c) == tonumber(known_c) and tonumber(rank) >= tonumber(known_rank))
if newer then
  redis.call('HSET', key, 'c', c, 'rank', rank, 'want', want)
end
redis.call('HSET', key, 'n', n, 'attach', attach, 'inst', inst, 'pod', pod)
redis.call('PEXPIRE', key, keep)
return {0, before, record()}
