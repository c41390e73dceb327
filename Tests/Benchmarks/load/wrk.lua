-- SPDX-FileCopyrightText: The Ambit authors
-- SPDX-License-Identifier: Apache-2.0
-- wrk script: prints the result as one JSON line, and with the argument "mix"
-- sends the header x-user: canary on every tenth request.
function init(args)
   if args[1] ~= "mix" then return end
   local plain = wrk.format("GET")
   local headers = { ["Host"] = wrk.headers["Host"], ["x-user"] = "canary" }
   local canary = wrk.format("GET", nil, headers)
   local n = 0
   -- wrk looks for the global name: a script without it sends one fixed request
   function request()
      n = n + 1
      if n % 10 == 0 then return canary end
      return plain
   end
end

function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      '\nJSON {"requests": %d, "seconds": %.6f, "bytes": %d, "errors": %d, ' ..
      '"p50_us": %d, "p90_us": %d, "p99_us": %d, "max_us": %d}\n',
      summary.requests, summary.duration / 1e6, summary.bytes,
      e.connect + e.read + e.write + e.status + e.timeout,
      latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max))
end
