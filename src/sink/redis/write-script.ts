import { createHash } from 'node:crypto';
import type { Script } from './redis-connection.ts';

/**
 * Writes rows of a table, each unless a newer one is there, if the store has the progress that they follow.
 *
 * `rows` is MessagePack, one flat array: for each row the number of its values, key, version, fate, entries, values.
 *
 * | fate    | 'd': deleted; milliseconds: expires then; '': stays                                        |
 * | entries | of the indexes: LF, then `s` or `z<score>`, TAB, key, TAB, member ('' for the row's key)   |
 * | values  | of HSET, or the one of SET                                                                 |
 *
 * Versions have 19 digits, so they compare as texts; as Lua numbers they would lose their last digits. The version of
 * a row lies in its value (`inside`: 'field' of the hash, 'head' of the JSON) or else in a key beside it, together with
 * its entries, so that what an index has is taken out by the script that changes it. A deleted row leaves that key.
 * A key that is there without a version is somebody else's, and is left as it is.
 */
const text = String.raw`
local progress, source, follows, nextProgress = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local kind, inside, prefix, tombstone, expires = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local expiring, rows = ARGV[9], cmsgpack.unpack(ARGV[10])
local call, sub, match, gmatch = redis.call, string.sub, string.match, string.gmatch

local found = call('HGET', progress, source)
local sequence = found and match(found, '^%d+') or '0'
if sequence ~= follows then return redis.error_reply('STALE ' .. sequence) end

local function besideOf(key) return prefix .. '_cdc:version:' .. sub(key, #prefix + 1) end

local function unlist(key, entries)
  for kind, index, member in gmatch(entries, '\n(%a)[^\t]*\t([^\t]*)\t([^\n]*)') do
    call(kind == 'z' and 'ZREM' or 'SREM', index, member == '' and key or member)
  end
end

local function list(key, entries)
  for kind, score, index, member in gmatch(entries, '\n(%a)([^\t]*)\t([^\t]*)\t([^\n]*)') do
    if member == '' then member = key end
    if kind == 'z' then call('ZADD', index, score, member) else call('SADD', index, member) end
  end
end

local function storedVersion(key, beside)
  if inside == 'field' then
    local version = call('HGET', key, '_version')
    if version then return version end
  elseif inside == 'head' then
    local head = call('GETRANGE', key, 0, 31)
    local version = match(head, '^{"_version":"(%d+)$')
    if head ~= '' then return version, nil, not version end
  end
  local record = call('GET', beside)
  if record then return sub(record, 1, 19), record end
  return nil, nil, inside ~= 'head' and call('EXISTS', key) == 1
end

local expired, now = {}, 0
if expires ~= '' then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
if expiring ~= '' then
  expired = call('ZRANGEBYSCORE', expiring, '-inf', now, 'LIMIT', 0, 500)
  for _, key in ipairs(expired) do
    local beside = besideOf(key)
    local record = call('GET', beside)
    if record then
      unlist(key, sub(record, 20))
      call('SET', beside, sub(record, 1, 19), 'PX', tombstone)
    end
    call('ZREM', expiring, key)
  end
end

local at, last = 1, #rows
while at <= last do
  local count, key, version, fate, entries = rows[at], rows[at + 1], rows[at + 2], rows[at + 3], rows[at + 4]
  local from, to = at + 5, at + 4 + count
  at = to + 1
  local beside = besideOf(key)
  local stored, record, isForeign = storedVersion(key, beside)
  if isForeign then return redis.error_reply('FOREIGN the key ' .. key .. ' holds something else') end
  if not stored or stored <= version then
    local old = record and sub(record, 20) or ''
    if fate == 'd' then
      call('DEL', key)
      if old ~= '' then unlist(key, old) end
      if expiring ~= '' then call('ZREM', expiring, key) end
      call('SET', beside, version, 'PX', tombstone)
    else
      if kind == 'hash' then
        if expires ~= '' and stored then call('DEL', key) end
        call('HSET', key, unpack(rows, from, to))
        if stored and call('HLEN', key) * 2 ~= count then
          call('DEL', key)
          call('HSET', key, unpack(rows, from, to))
        end
      else
        call('SET', key, rows[from])
      end
      if fate ~= '' then call('PEXPIREAT', key, fate) end
      if inside == '' then
        call('SET', beside, version .. entries)
        if old ~= entries or stored == version then
          unlist(key, old)
          list(key, entries)
        end
        if expiring ~= '' then
          if fate ~= '' then call('ZADD', expiring, fate, key) else call('ZREM', expiring, key) end
        elseif fate ~= '' then
          call('PEXPIREAT', beside, math.max(fate, now) + tombstone)
        end
      elseif record then
        call('DEL', beside)
      end
    end
  end
end
if nextProgress ~= '' then call('HSET', progress, source, nextProgress) end
return #expired
`;

export const writeScript: Script = {
  text,
  sha1: createHash('sha1').update(text).digest('hex'),
};

/** As many expired rows as one run of the script takes out of the indexes. */
export const expiredPerRun = 500;
