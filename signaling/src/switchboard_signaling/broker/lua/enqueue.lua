#!lua
--include remove
-- Queues a ticket, or finds out what became of it: MatchQueue.enqueue in matching/queue.py.
-- KEYS: tickets, prefix of the orders (one per mode), outcomes, forget, index, cursors, refreshed, prefix of the buckets,
-- last order, pod heartbeats, prefix of the mailboxes, recent peers, the order of the ticket's mode.
-- ARGV: ticket name and text, its mode, needs and attributes as JSON, match id, dead match or '', queue order or 0,
-- how many tickets to look at and to sweep, then in seconds: lease, memory, how long recent peers are kept apart, ticket
-- lifetime.
-- Returns {'waits', queue order, position or 0}, {'cancelled'} or {'matched', proposal}.
-- An outcome is a proposal, or '' for cancelled; 'abandoned:' and the name of a matched ticket mark a ticket that does
-- not return from its match. An index entry has the ticket's mode, its index key, and its attributes, the first being ''.
local tickets, orders, outcomes, forget, index, cursors, refreshed, bucket, last_order, beats, mailbox, recent, order =
  unpack(KEYS)
local name, text, terms, match_id, dead, queue_order, scan, sweep, lease, memory, apart, lifetime = unpack(ARGV)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local ANYBODY_AGAIN = 2

for _, old in ipairs(redis.call('ZRANGEBYSCORE', forget, '-inf', now, 'LIMIT', 0, 32)) do
  redis.call('ZREM', forget, old)
  redis.call('HDEL', outcomes, old)
end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', recent, '-inf', now, 'LIMIT', 0, 32)) do
  redis.call('ZREM', recent, old)
end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', refreshed, '-inf', now - lifetime, 'LIMIT', 0, sweep)) do
  remove(old, tickets, orders, index, cursors, refreshed, bucket)
end

local function both(one, other)
  return one < other and cjson.encode({one, other}) or cjson.encode({other, one})
end

local outcome = redis.call('HGET', outcomes, name)
if outcome == '' then
  return {'cancelled'}
elseif outcome then
  local proposal = cjson.decode(outcome)
  if proposal[1] ~= dead then
    return {'matched', outcome}
  end
  redis.call('ZREM', recent, both(cjson.decode(proposal[2]).sub, cjson.decode(proposal[4]).sub))
  if redis.call('HDEL', outcomes, 'abandoned:' .. name) == 1 then
    redis.call('HSET', outcomes, name, '')
    return {'cancelled'}
  end
  redis.call('HDEL', outcomes, name)
end

local mine = cjson.decode(text)
local known = redis.call('HGET', tickets, name)
local was = known and known ~= text and cjson.decode(known) or mine

local last = tonumber(redis.call('GET', last_order) or '0')
local ticket_order = tonumber(redis.call('ZSCORE', orders .. (was.mode or ''), name) or queue_order)
if ticket_order == 0 then
  ticket_order = last + 1
end
if ticket_order > last then
  redis.call('SET', last_order, string.format('%.0f', ticket_order))
end

redis.call('ZADD', beats, now, mine.pod)

local function waits()
  local ahead = redis.call('ZRANK', order, name)
  return {'waits', string.format('%.0f', ticket_order), ahead and ahead + 1 or 0}
end

local cursor = redis.call('HGET', cursors, name)
if known then
  redis.call('ZADD', refreshed, now, name)
end
if known == text and not cursor then
  return waits()
elseif known and known ~= text then
  remove(name, tickets, orders, index, cursors, refreshed, bucket)
  cursor = false
end

local function meets(one, candidate)
  local attributes = candidate.attributes or {}
  for attribute, value in pairs(one.required or {}) do
    if attributes[attribute] ~= value then
      return false
    end
  end
  if (one.relaxed or 0) == 0 then
    for attribute, value in pairs(one.preferred or {}) do
      if not (one.required or {})[attribute] and attributes[attribute] ~= value then
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

local function met_recently(one, other)
  if (one.relaxed or 0) >= ANYBODY_AGAIN and (other.relaxed or 0) >= ANYBODY_AGAIN then
    return false
  end
  local expires = redis.call('ZSCORE', recent, both(one.sub, other.sub))
  return expires and tonumber(expires) > now
end

local function compatible(other)
  return (other.mode or '') == (mine.mode or '') and other.sub ~= mine.sub and other.session_id ~= mine.session_id
    and not blocks(mine, other) and not blocks(other, mine)
    and meets(mine, other) and meets(other, mine) and not met_recently(mine, other)
end

local function record(ticket, pod, proposal)
  redis.call('HSET', outcomes, ticket, proposal)
  redis.call('ZADD', forget, now + memory, ticket)
  redis.call('HSET', mailbox .. pod, ticket, proposal)
  redis.call('PEXPIRE', mailbox .. pod, memory * 1000)
end

local function match(other, theirs, other_text, other_order)
  local proposal = cjson.encode({match_id, text, string.format('%.0f', ticket_order), other_text, other_order})
  remove(name, tickets, orders, index, cursors, refreshed, bucket)
  remove(other, tickets, orders, index, cursors, refreshed, bucket)
  record(name, mine.pod, proposal)
  record(other, theirs.pod, proposal)
  redis.call('ZADD', recent, now + apart, both(mine.sub, theirs.sub))
  return {'matched', proposal}
end

-- Returns a candidate that fits, and removes one whose pod is gone.
local function look(other)
  local other_text = redis.call('HGET', tickets, other)
  local theirs = other_text and cjson.decode(other_text)
  local beat = theirs and redis.call('ZSCORE', beats, theirs.pod)
  if not beat or now - tonumber(beat) >= tonumber(lease) then
    remove(other, tickets, orders, index, cursors, refreshed, bucket)
  elseif compatible(theirs) then
    return theirs, other_text
  end
end

local mode, needs, attributes = unpack(cjson.decode(terms))

-- Returns the option with the fewest waiting tickets.
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
for i, index_key in ipairs(attributes) do
  local function key(need)
    return bucket .. mode .. '\n' .. index_key .. '\n' .. need
  end
  where[i] = key(least(needs, key))
end

local function waiting(count)
  local found = {}
  for _, key in ipairs(where) do
    local entries = redis.call('ZRANGEBYSCORE', key, cursor or '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, count)
    for i = 1, #entries, 2 do
      found[#found + 1] = {tonumber(entries[i + 1]), entries[i], entries[i + 1]}
    end
  end
  table.sort(found, function(one, other)
    return one[1] < other[1] or (one[1] == other[1] and one[2] < other[2])
  end)
  return found
end

-- In most cases the first candidate fits.
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
  local index_key = least(needs, function(need)
    return bucket .. mode .. '\n' .. need .. '\n'
  end)
  redis.call('HSET', tickets, name, text)
  redis.call('ZADD', order, ticket_order, name)
  redis.call('ZADD', refreshed, now, name)
  redis.call('HSET', index, name, cjson.encode({mode, index_key, unpack(attributes)}))
  for _, attribute in ipairs(attributes) do
    redis.call('ZADD', bucket .. mode .. '\n' .. index_key .. '\n' .. attribute, ticket_order, name)
  end
end
if #found >= most then
  redis.call('HSET', cursors, name, found[most][3])
elseif cursor then
  redis.call('HDEL', cursors, name)
end
return waits()
