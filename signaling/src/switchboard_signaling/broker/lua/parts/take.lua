-- Takes a ticket out of the line: Line._remove in matching/line.py.
local function take(name, tickets, orders, shelves, cursors, heard, bucket)
  local shelf = redis.call('HGET', shelves, name)
  if shelf then
    local parts = cjson.decode(shelf)
    redis.call('ZREM', orders .. parts[1], name)
    for i = 3, #parts do
      redis.call('ZREM', bucket .. parts[1] .. '\n' .. parts[2] .. '\n' .. parts[i], name)
    end
  end
  redis.call('HDEL', tickets, name)
  redis.call('HDEL', shelves, name)
  redis.call('HDEL', cursors, name)
  redis.call('ZREM', heard, name)
end
