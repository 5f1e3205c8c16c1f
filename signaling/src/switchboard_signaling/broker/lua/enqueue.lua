#!lua
--include take
-- Puts a ticket in line, or finds out what became of it: Line.enqueue in matching/line.py.
-- KEYS: tickets, prefix of the modes' orders, fates, forget, shelves, cursors, when tickets were heard of, prefix of the
-- buckets, last seq, beats, prefix of the mailboxes, who met whom, the order of the ticket's mode.
-- ARGV: ticket name and text, its mode, needs and attributes as texts, m, dead match or '', seq or 0, how many to look
-- at and to sweep, then lease, memory, how long who met is kept apart and who is unheard is kept, in seconds.
-- Returns {'waits', seq, position or 0}, {'cancelled'} or {'matched', proposal}. A fate is a proposal, or '' for cancelled;
-- `left:` before the name of a matched ticket says that it does not return from its match. A shelf says where a ticket
-- is kept: its mode, its home, and its attributes, of which the first is none.
local tickets, orders, fates, forget, shelves, cursors, heard, bucket, last_seq, beats, mailbox, met, order = unpack(KEYS)
local name, text, index, m, dead, seq, scan, sweep, lease, memory, apart, unheard = unpack(ARGV)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local ANYBODY_AGAIN = 2

for _, old in ipairs(redis.call('ZRANGEBYSCORE', forget, '-inf', now, 'LIMIT', 0, 32)) do
  redis.call('ZREM', forget, old)
  redis.call('HDEL', fates, old)
end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', met, '-inf', now, 'LIMIT', 0, 32)) do
  redis.call('ZREM', met, old)
end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', heard, '-inf', now - unheard, 'LIMIT', 0, sweep)) do
  take(old, tickets, orders, shelves, cursors, heard, bucket)
end

local function both(one, other)
  return one < other and cjson.encode({one, other}) or cjson.encode({other, one})
end

local fate = redis.call('HGET', fates, name)
if fate == '' then
  return {'cancelled'}
elseif fate then
  local proposal = cjson.decode(fate)
  if proposal[1] ~= dead then
    return {'matched', fate}
  end
  redis.call('ZREM', met, both(cjson.decode(proposal[2]).sub, cjson.decode(proposal[4]).sub))
  if redis.call('HDEL', fates, 'left:' .. name) == 1 then
    redis.call('HSET', fates, name, '')
    return {'cancelled'}
  end
  redis.call('HDEL', fates, name)
end

local mine = cjson.decode(text)
local known = redis.call('HGET', tickets, name)
local was = known and known ~= text and cjson.decode(known) or mine

local last = tonumber(redis.call('GET', last_seq) or '0')
local place = tonumber(redis.call('ZSCORE', orders .. (was.mode or ''), name) or seq)
if place == 0 then
  place = last + 1
end
if place > last then
  redis.call('SET', last_seq, string.format('%.0f', place))
end

redis.call('ZADD', beats, now, mine.pod)

local function waits()
  local ahead = redis.call('ZRANK', order, name)
  return {'waits', string.format('%.0f', place), ahead and ahead + 1 or 0}
end

local cursor = redis.call('HGET', cursors, name)
if known then
  redis.call('ZADD', heard, now, name)
end
if known == text and not cursor then
  return waits()
elseif known and known ~= text then
  take(name, tickets, orders, shelves, cursors, heard, bucket)
  cursor = false
end

local function meets(wisher, candidate)
  local attributes = candidate.attributes or {}
  for attribute, value in pairs(wisher.required or {}) do
    if attributes[attribute] ~= value then
      return false
    end
  end
  if (wisher.relaxed or 0) == 0 then
    for attribute, value in pairs(wisher.preferred or {}) do
      if not (wisher.required or {})[attribute] and attributes[attribute] ~= value then
        return false
      end
    end
  end
  return true
end

local function blocks(one, other)
  for _, sub in ipairs(one.blocked or {}) do
    if sub == other.sub then
      return true
    end
  end
  return false
end

local function met_lately(one, other)
  if (one.relaxed or 0) >= ANYBODY_AGAIN and (other.relaxed or 0) >= ANYBODY_AGAIN then
    return false
  end
  local until_then = redis.call('ZSCORE', met, both(one.sub, other.sub))
  return until_then and tonumber(until_then) > now
end

local function compatible(other)
  return (other.mode or '') == (mine.mode or '') and other.sub ~= mine.sub and other.sid ~= mine.sid
    and not blocks(mine, other) and not blocks(other, mine)
    and meets(mine, other) and meets(other, mine) and not met_lately(mine, other)
end

local function record(ticket, pod, proposal)
  redis.call('HSET', fates, ticket, proposal)
  redis.call('ZADD', forget, now + memory, ticket)
  redis.call('HSET', mailbox .. pod, ticket, proposal)
  redis.call('PEXPIRE', mailbox .. pod, memory * 1000)
end

local function match(other, theirs, other_text, other_place)
  local proposal = cjson.encode({m, text, string.format('%.0f', place), other_text, other_place})
  take(name, tickets, orders, shelves, cursors, heard, bucket)
  take(other, tickets, orders, shelves, cursors, heard, bucket)
  record(name, mine.pod, proposal)
  record(other, theirs.pod, proposal)
  redis.call('ZADD', met, now + apart, both(mine.sub, theirs.sub))
  return {'matched', proposal}
end

-- Says whether a candidate fits, and removes one whose pod is gone.
local function look(other)
  local other_text = redis.call('HGET', tickets, other)
  local theirs = other_text and cjson.decode(other_text)
  local beat = theirs and redis.call('ZSCORE', beats, theirs.pod)
  if not beat or now - tonumber(beat) >= tonumber(lease) then
    take(other, tickets, orders, shelves, cursors, heard, bucket)
  elseif compatible(theirs) then
    return theirs, other_text
  end
end

local mode, needs, attributes = unpack(cjson.decode(index))

-- Of several options, the one that the fewest wait under.
local function least(options, key)
  local best, fewest = '', nil
  for _, option in ipairs(options) do
    local count = redis.call('ZCARD', key(option))
    if not fewest or count < fewest then
      best, fewest = option, count
    end
  end
  return best
end

local where = {}
for i, home in ipairs(attributes) do
  local function key(need)
    return bucket .. mode .. '\n' .. home .. '\n' .. need
  end
  where[i] = key(least(needs, key))
end

local function waiting(count)
  local found = {}
  for _, key in ipairs(where) do
    local places = redis.call('ZRANGEBYSCORE', key, cursor or '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, count)
    for i = 1, #places, 2 do
      found[#found + 1] = {tonumber(places[i + 1]), places[i], places[i + 1]}
    end
  end
  table.sort(found, function(one, other)
    return one[1] < other[1] or (one[1] == other[1] and one[2] < other[2])
  end)
  return found
end

-- Most often the first one fits.
local found, most, from = waiting(1), tonumber(scan), 1
if #found > 0 then
  local first = found[1]
  local theirs, other_text = look(first[2])
  if theirs then
    return match(first[2], theirs, other_text, first[3])
  end
  found = waiting(most)
  if found[1] and found[1][2] == first[2] then
    from = 2
  else
    most = most - 1
  end
end
for i = from, math.min(#found, most) do
  local theirs, other_text = look(found[i][2])
  if theirs then
    return match(found[i][2], theirs, other_text, found[i][3])
  end
end
if known ~= text then
  local home = least(needs, function(need)
    return bucket .. mode .. '\n' .. need .. '\n'
  end)
  redis.call('HSET', tickets, name, text)
  redis.call('ZADD', order, place, name)
  redis.call('ZADD', heard, now, name)
  redis.call('HSET', shelves, name, cjson.encode({mode, home, unpack(attributes)}))
  for _, attribute in ipairs(attributes) do
    redis.call('ZADD', bucket .. mode .. '\n' .. home .. '\n' .. attribute, place, name)
  end
end
if #found >= most then
  redis.call('HSET', cursors, name, found[most][3])
elseif cursor then
  redis.call('HDEL', cursors, name)
end
return waits()
