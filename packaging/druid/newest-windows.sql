-- Each window in its newest revision; a subquery for whatever is asked of windows.
SELECT
  __time AS window_start,
  "stream",
  service,
  dimensions,
  LATEST_BY(requestCount, MILLIS_TO_TIMESTAMP(revision)) AS request_count,
  LATEST_BY(errorCount, MILLIS_TO_TIMESTAMP(revision)) AS error_count,
  LATEST_BY(avgLatency, MILLIS_TO_TIMESTAMP(revision)) AS avg_latency,
  LATEST_BY(latencyMin, MILLIS_TO_TIMESTAMP(revision)) AS latency_min,
  LATEST_BY(latencyP99, MILLIS_TO_TIMESTAMP(revision)) AS latency_p99,
  LATEST_BY(latencyMax, MILLIS_TO_TIMESTAMP(revision)) AS latency_max
FROM "tailrace-windows"
GROUP BY 1, 2, 3, 4
