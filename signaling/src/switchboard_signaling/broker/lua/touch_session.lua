#!lua
-- Joins what a socket knows into its session's record: apply_session in session/records.py.
-- KEYS: the record.  ARGV: n, attach, c, rank and text of the want, inst, pod, milliseconds to keep.
-- Returns whether the socket is stale, then the record: n, attach, want, inst, pod, want and pod of the last socket.
local key = KEYS[1]
local n, attach, c, rank, want, inst, pod, keep = unpack(ARGV)
local function record()
  return redis.call('HMGET', key, 'n', 'attach', 'want', 'inst', 'pod', 'left.want', 'left.pod')
end
local known_n, known_attach, known_c, known_rank, known_want, known_pod =
  unpack(redis.call('HMGET', key, 'n', 'attach', 'c', 'rank', 'want', 'pod'))
if known_n then
  local known = tonumber(known_n)
  if tonumber(n) < known or (tonumber(n) == known and attach ~= known_attach) then
    return {1, record()}
  end
  if attach ~= known_attach then
    redis.call('HSET', key, 'left.want', known_want, 'left.pod', known_pod)
  end
end
local newer = not known_c or tonumber(c) > tonumber(known_c)
  or (tonumber(c) == tonumber(known_c) and tonumber(rank) >= tonumber(known_rank))
if newer then
  redis.call('HSET', key, 'c', c, 'rank', rank, 'want', want)
end
redis.call('HSET', key, 'n', n, 'attach', attach, 'inst', inst, 'pod', pod)
redis.call('PEXPIRE', key, keep)
return {0, record()}
