-- GCRA over several accounts at once: all are charged, or none.
-- KEYS: an account each. ARGV: for each, microseconds from empty to full, and those that this request costs.
-- Answers 1 or 0, then for each account the microseconds until it is full, and until it would admit this request.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local stored = redis.call('MGET', unpack(KEYS))
local allowed = 1
local level, wait = {}, {}
for i = 1, #KEYS do
  local tolerance, cost = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  level[i] = math.max(0, tonumber(stored[i] or 0) - now)
  if level[i] > tolerance then
    -- More than empty is not possible: the server's clock was set back. Empty now is what it was then at the most.
    level[i] = tolerance
    redis.call('SET', KEYS[i], string.format('%.0f', now + tolerance), 'PX', math.ceil(tolerance / 1000))
  end
  wait[i] = math.max(0, level[i] + cost - tolerance)
  if wait[i] > 0 then allowed = 0 end
end
local answer = { allowed }
for i = 1, #KEYS do
  if allowed == 1 then
    level[i] = level[i] + tonumber(ARGV[2 * i])
    redis.call('SET', KEYS[i], string.format('%.0f', now + level[i]), 'PX', math.ceil(level[i] / 1000))
  end
  answer[2 * i] = level[i]
  answer[2 * i + 1] = wait[i]
end
return answer
