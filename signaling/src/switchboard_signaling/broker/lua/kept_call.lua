#!lua
-- Reads what is known of a call.
-- KEYS: the record.  Returns names and values in turn.
return redis.call('HGETALL', KEYS[1])
