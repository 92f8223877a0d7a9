// What Glibc's Swift overlay leaves out: epoll, eventfd, fallocate, flock, memfd, prctl.
#ifndef FANFARE_CLINUX_H
#define FANFARE_CLINUX_H
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

// Macros with values that the importer cannot see.
static const uint32_t fanfare_EPOLLIN = EPOLLIN;
static const uint32_t fanfare_EPOLLOUT = EPOLLOUT;
static const uint32_t fanfare_EPOLLERR = EPOLLERR;
static const uint32_t fanfare_EPOLLHUP = EPOLLHUP;
static const uint32_t fanfare_EPOLLRDHUP = EPOLLRDHUP;
static const uint32_t fanfare_EPOLLET = EPOLLET;

// open(2) and fcntl(2) are variadic; Swift imports no variadic function.
static inline int fanfare_open(const char *path, int flags, mode_t mode) {
  return open(path, flags, mode);
}

// pthread_setname_np(3) is hidden behind _GNU_SOURCE, which the module's C headers must not see.
static inline int fanfare_name_thread(const char *name) {
  return prctl(PR_SET_NAME, name, 0, 0, 0);
}

// prctl(2) is variadic as well.
static inline int fanfare_forbid_core_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

static inline int fanfare_die_with_parent(int signal) {
  return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
}
static inline int fanfare_timer_slack(unsigned long nanoseconds) {
  return prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0);
}

static inline int fanfare_malloc_trim(void) { return malloc_trim(0); }

// memfd_create(2) is hidden behind _GNU_SOURCE too.
static inline int fanfare_memory_file(const char *name) {
  return (int)syscall(SYS_memfd_create, name, 1U /* MFD_CLOEXEC */);
}

// `epoll_event` is packed on x86-64; Swift must not bind it as a 16-byte struct.
static inline int fanfare_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t tag) {
  struct epoll_event event;
  event.events = events;
  event.data.u64 = tag;
  return epoll_ctl(epoll, operation, fd, &event);
}
static inline uint32_t fanfare_event_bits(const void *events, int index) {
  return ((const struct epoll_event *)events)[index].events;
}
static inline uint64_t fanfare_event_tag(const void *events, int index) {
  return ((const struct epoll_event *)events)[index].data.u64;
}
static inline int fanfare_epoll_wait(int epoll, void *events, int count, int timeout_ms) {
  return epoll_wait(epoll, (struct epoll_event *)events, count, timeout_ms);
}
// Nanosecond timeouts need Linux 5.11; callers fall back to epoll_wait on ENOSYS.
static inline int fanfare_epoll_pwait2(
  int epoll, void *events, int count, const struct timespec *timeout) {
  return epoll_pwait2(epoll, (struct epoll_event *)events, count, timeout, 0);
}
#endif
