-- Takes or keeps a place among so many. KEYS: the places, a sorted set of holders by the end of their leases.
-- ARGV: places, microseconds of a lease, the holder. Answers 1 and 0, or 0 and the microseconds until the first lease ends.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if not redis.call('ZSCORE', KEYS[1], ARGV[3]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then
  return { 0, redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] - now }
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000))
return { 1, 0 }
