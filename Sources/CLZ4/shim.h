// The block and HC interfaces of liblz4.
#include <lz4.h>
#include <lz4hc.h>
