#!lua
-- Publishes a hint on a pod's channel; as a script, it is sent to the node that owns the channel's slot.
return redis.call('SPUBLISH', KEYS[1], ARGV[1])
