#!lua
-- Joins what a socket knows into its session's record: apply_session in session/records.py.
-- KEYS: the record.
-- ARGV: socket number, attach id, revision, rank and text of the intent, instance, pod, milliseconds to keep.
-- Returns whether the socket is stale, then the record: socket number, attach id, intent, instance, pod, and the intent
-- and pod of the previous socket.
local key = KEYS[1]
local socket, attach, revision, rank, intent, instance, pod, keep = unpack(ARGV)
local function record()
  return redis.call('HMGET', key, 'socket', 'attach', 'intent', 'instance', 'pod', 'previous.intent', 'previous.pod')
end
local known_socket, known_attach, known_revision, known_rank, known_intent, known_pod =
  unpack(redis.call('HMGET', key, 'socket', 'attach', 'revision', 'rank', 'intent', 'pod'))
if known_socket then
  local known = tonumber(known_socket)
  if tonumber(socket) < known or (tonumber(socket) == known and attach ~= known_attach) then
    return {1, record()}
  end
  if attach ~= known_attach then
    redis.call('HSET', key, 'previous.intent', known_intent, 'previous.pod', known_pod)
  end
end
local newer = not known_revision or tonumber(revision) > tonumber(known_revision)
  or (tonumber(revision) == tonumber(known_revision) and tonumber(rank) >= tonumber(known_rank))
if newer then
  redis.call('HSET', key, 'revision', revision, 'rank', rank, 'intent', intent)
end
redis.call('HSET', key, 'socket', socket, 'attach', attach, 'instance', instance, 'pod', pod)
redis.call('PEXPIRE', key, keep)
return {0, record()}
