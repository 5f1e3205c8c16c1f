#!lua
-- Joins fields into a call's record.
-- KEYS: the record.
-- ARGV: seconds to keep, then alternating names and values.
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
