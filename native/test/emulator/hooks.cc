// What g++ calls at each access to memory of sources that it compiles with -fsanitize=thread.
#include <cstddef>

#include "watch.h"

#define VLLTR_HOOK(bytes)                                                            \
  void __tsan_read##bytes(void* at) { emulator::touch(at, bytes, false); }           \
  void __tsan_write##bytes(void* at) { emulator::touch(at, bytes, true); }           \
  void __tsan_unaligned_read##bytes(void* at) { emulator::touch(at, bytes, false); } \
  void __tsan_unaligned_write##bytes(void* at) { emulator::touch(at, bytes, true); }

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_read_range(void* at, size_t bytes) { emulator::touch(at, bytes, false); }
void __tsan_write_range(void* at, size_t bytes) { emulator::touch(at, bytes, true); }
VLLTR_HOOK(1)
VLLTR_HOOK(2)
VLLTR_HOOK(4)
VLLTR_HOOK(8)
VLLTR_HOOK(16)
}
