// Source: malloc(3), "Replacing malloc" in the glibc manual; the names with __libc_ are glibc's own.
#include "allocations.h"
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

// Of the executable's own block, so that reading it never allocates.
static __thread uint64_t count __attribute__((tls_model("initial-exec")));

uint64_t fanfare_allocations(void) { return count; }

void *malloc(size_t size) {
  count += 1;
  return __libc_malloc(size);
}

void *calloc(size_t members, size_t size) {
  count += 1;
  return __libc_calloc(members, size);
}

void *realloc(void *old, size_t size) {
  count += 1;
  return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
  count += 1;
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
  void *found = memalign(alignment, size);
  if (found == NULL) return ENOMEM;
  *memory = found;
  return 0;
}

void free(void *memory) { __libc_free(memory); }

uint64_t fanfare_allocate_by_all(void) {
  // Volatile: the compiler may take an allocation that nobody uses away.
  void *volatile memory = malloc(1);
  memory = realloc(memory, 1000);
  free(memory);
  memory = calloc(1, 1);
  free(memory);
  memory = memalign(64, 64);
  free(memory);
  memory = aligned_alloc(64, 64);
  free(memory);
  void *aligned = NULL;
  if (posix_memalign(&aligned, 64, 64) == 0) free(aligned);
  return 6;
}
