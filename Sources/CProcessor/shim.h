// What the processor does itself: CRC-32C where it has the instruction.
#ifndef FANFARE_CPROCESSOR_H
#define FANFARE_CPROCESSOR_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
static inline int fanfare_has_crc32c(void) {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 20));
}
__attribute__((target("sse4.2"))) static inline uint32_t fanfare_crc32c(
  uint32_t crc, const uint8_t *bytes, size_t count) {
  uint64_t state = crc;
  while (count >= 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    state = __builtin_ia32_crc32di(state, word);
    bytes += 8;
    count -= 8;
  }
  uint32_t tail = (uint32_t)state;
  while (count--) tail = __builtin_ia32_crc32qi(tail, *bytes++);
  return tail;
}
#else
static inline int fanfare_has_crc32c(void) { return 0; }
static inline uint32_t fanfare_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
  (void)bytes; (void)count;
  return crc;
}
#endif
#endif
