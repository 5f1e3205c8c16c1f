-- Removes a ticket from the queue: MatchQueue._remove in matching/queue.py.
local function remove(name, tickets, orders, index, cursors, refreshed, bucket)
  local entry = redis.call('HGET', index, name)
  if entry then
    local parts = cjson.decode(entry)
    redis.call('ZREM', orders .. parts[1], name)
    for i = 3, #parts do
      redis.call('ZREM', bucket .. parts[1] .. '\n' .. parts[2] .. '\n' .. parts[i], name)
    end
  end
  redis.call('HDEL', tickets, name)
  redis.call('HDEL', index, name)
  redis.call('HDEL', cursors, name)
  redis.call('ZREM', refreshed, name)
end
