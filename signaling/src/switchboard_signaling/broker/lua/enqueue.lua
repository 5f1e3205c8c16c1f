#!lua
-- Puts a ticket in line, or finds out what became of it: Line.enqueue in matching/line.py.
-- KEYS: last seq, tickets, order, fates, forget, beats, prefix of the mailboxes.
-- ARGV: ticket name and text, m, dead match or '', seq or 0, how many to scan, lease and memory in seconds.
-- Returns {'waits', seq}, {'cancelled'} or {'matched', proposal}. A fate is a proposal, or '' for cancelled;
-- `left:` before the name of a matched ticket says that it does not return from its match.
local last_seq, tickets, order, fates, forget, beats, mailbox = unpack(KEYS)
local name, text, m, dead, seq, scan, lease, memory = unpack(ARGV)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6

for _, old in ipairs(redis.call('ZRANGEBYSCORE', forget, '-inf', now, 'LIMIT', 0, 32)) do
  redis.call('ZREM', forget, old)
  redis.call('HDEL', fates, old)
end

local fate = redis.call('HGET', fates, name)
if fate == '' then
  return {'cancelled'}
elseif fate then
  if cjson.decode(fate)[1] ~= dead then
    return {'matched', fate}
  end
  if redis.call('HDEL', fates, 'left:' .. name) == 1 then
    redis.call('HSET', fates, name, '')
    return {'cancelled'}
  end
  redis.call('HDEL', fates, name)
end

local last = tonumber(redis.call('GET', last_seq) or '0')
local place = tonumber(redis.call('ZSCORE', order, name) or seq)
if place == 0 then
  place = last + 1
end
redis.call('SET', last_seq, string.format('%.0f', math.max(last, place)))

local mine = cjson.decode(text)
redis.call('ZADD', beats, now, mine.pod)

local function meets(wisher, candidate)
  for attribute, value in pairs(wisher.required or {}) do
    if (candidate.attributes or {})[attribute] ~= value then
      return false
    end
  end
  return true
end

local function take(ticket)
  redis.call('HDEL', tickets, ticket)
  redis.call('ZREM', order, ticket)
end

local function record(ticket, pod, proposal)
  redis.call('HSET', fates, ticket, proposal)
  redis.call('ZADD', forget, now + memory, ticket)
  redis.call('HSET', mailbox .. pod, ticket, proposal)
  redis.call('PEXPIRE', mailbox .. pod, memory * 1000)
end

local waiting = redis.call('ZRANGE', order, 0, scan - 1, 'WITHSCORES')
for i = 1, #waiting, 2 do
  local other = waiting[i]
  local other_text = redis.call('HGET', tickets, other)
  local theirs = other_text and cjson.decode(other_text)
  local beat = theirs and redis.call('ZSCORE', beats, theirs.pod)
  if not beat or now - tonumber(beat) >= tonumber(lease) then
    take(other)
  elseif theirs.sub ~= mine.sub and theirs.sid ~= mine.sid and meets(mine, theirs) and meets(theirs, mine) then
    local proposal = cjson.encode({m, text, string.format('%.0f', place), other_text, waiting[i + 1]})
    take(name)
    take(other)
    record(name, mine.pod, proposal)
    record(other, theirs.pod, proposal)
    return {'matched', proposal}
  end
end
redis.call('HSET', tickets, name, text)
redis.call('ZADD', order, place, name)
return {'waits', string.format('%.0f', place)}
