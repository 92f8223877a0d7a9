// Counts what is allocated in this process: by linking this, an executable replaces the C library's
// allocator with one that counts and passes on. Swift's runtime and every library use it too.
#ifndef FANFARE_ALLOCATIONS_H
#define FANFARE_ALLOCATIONS_H
#include <stdint.h>

// Allocations that the calling thread made since it began; freeing counts nothing.
uint64_t fanfare_allocations(void);

// Makes one allocation by each function that there is, so that the count can prove itself.
// Returns how many those are.
uint64_t fanfare_allocate_by_all(void);
#endif
