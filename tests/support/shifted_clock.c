/* The machine's wall clock, moved by REFLOW_TEST_SHIFT_SECS seconds: loaded in front of libc by tests/local_clock.rs.
   Monotonic clocks stay as they are, so that waits end when they should. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift(void) {
  const char *secs = getenv("REFLOW_TEST_SHIFT_SECS");
  return secs ? atol(secs) : 0;
}

static int real(clockid_t clock, struct timespec *at) { return (int)syscall(SYS_clock_gettime, clock, at); }

int clock_gettime(clockid_t clock, struct timespec *at) {
  int failed = real(clock, at);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI)) at->tv_sec += shift();
  return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (real(CLOCK_REALTIME, &now)) return -1;
  at->tv_sec = now.tv_sec + shift();
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  if (real(CLOCK_REALTIME, &now)) return (time_t)-1;
  now.tv_sec += shift();
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
