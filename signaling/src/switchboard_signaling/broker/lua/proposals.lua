#!lua
-- Reads a pod's mailbox and notes the pod's heartbeat, a few times per lease.
-- KEYS: pod heartbeats, the mailbox.
-- ARGV: pod, lease and memory in seconds.
-- Returns whether the pod was known, and the proposals.
local beats, mailbox = unpack(KEYS)
local pod, lease, memory = unpack(ARGV)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local beat = redis.call('ZSCORE', beats, pod)
if not beat or now - tonumber(beat) > tonumber(lease) / 5 then
  redis.call('ZADD', beats, now, pod)
  redis.call('ZREMRANGEBYSCORE', beats, '-inf', now - tonumber(memory))
end
return {beat and 1 or 0, redis.call('HVALS', mailbox)}
