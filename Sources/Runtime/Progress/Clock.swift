import Glibc

/// Seconds since some fixed moment, never set back (clock_gettime, CLOCK_MONOTONIC).
public func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
