// Asynchronous name resolution: the part of c-ares that is used, declared here.
//
// <ares.h> is not included: it drags the socket headers into this module, and every file of Platform
// that uses sockaddr or timespec would then have to import CAres to see their members.
// Source: ares.h of c-ares 1.18; these declarations are unchanged since 1.16 (ABI so.2).
#ifndef FANFARE_CARES_H
#define FANFARE_CARES_H

typedef struct ares_channeldata *ares_channel;

struct ares_options {
  int flags;
  int timeout;
  int tries;
  int ndots;
  unsigned short udp_port;
  unsigned short tcp_port;
  int socket_send_buffer_size;
  int socket_receive_buffer_size;
  void *servers;
  int nservers;
  char **domains;
  int ndomains;
  char *lookups;
  void (*sock_state_cb)(void *data, int socket, int readable, int writable);
  void *sock_state_cb_data;
  void *sortlist;
  int nsort;
  int ednspsz;
  char *resolvconf_path;
};

struct ares_addrinfo_node {
  int ai_ttl;
  int ai_flags;
  int ai_family;
  int ai_socktype;
  int ai_protocol;
  unsigned int ai_addrlen;
  void *ai_addr;
  struct ares_addrinfo_node *ai_next;
};

struct ares_addrinfo {
  void *cnames;
  struct ares_addrinfo_node *nodes;
  char *name;
};

struct ares_addrinfo_hints {
  int ai_flags;
  int ai_family;
  int ai_socktype;
  int ai_protocol;
};

// `struct timeval`.
struct fanfare_ares_time {
  long seconds;
  long microseconds;
};

enum {
  fanfare_ARES_SUCCESS = 0,
  fanfare_ARES_LIB_INIT_ALL = 1,
  fanfare_ARES_OPT_TRIES = 1 << 2,
  fanfare_ARES_OPT_LOOKUPS = 1 << 8,
  fanfare_ARES_OPT_SOCK_STATE_CB = 1 << 9,
  fanfare_ARES_OPT_TIMEOUTMS = 1 << 13,
};

typedef void (*fanfare_ares_callback)(
  void *argument, int status, int timeouts, struct ares_addrinfo *result);

int ares_library_init(int flags);
int ares_init_options(ares_channel *channel, struct ares_options *options, int mask);
void ares_destroy(ares_channel channel);
const char *ares_strerror(int code);
void ares_getaddrinfo(
  ares_channel channel, const char *node, const char *service,
  const struct ares_addrinfo_hints *hints, fanfare_ares_callback callback, void *argument);
void ares_freeaddrinfo(struct ares_addrinfo *result);
void ares_process_fd(ares_channel channel, int read_socket, int write_socket);
struct fanfare_ares_time *ares_timeout(
  ares_channel channel, struct fanfare_ares_time *longest, struct fanfare_ares_time *buffer);

#endif
