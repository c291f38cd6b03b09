// What a binary built on a current Linux would take from glibc 2.29 to 2.36, had from glibc 2.28 (the least
// that Node 20 runs on) instead. Linked into the addon and into TensorFlow.js's binding, whose C++ runtime is
// static; the linker sends the runtime's calls here too (--wrap, listed in glibc.link).
#include <features.h>  // says whether this is glibc

#if defined(__GLIBC__) && defined(__x86_64__)
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>

// Functions that glibc 2.32 to 2.34 moved into libc.so under new versions. The old versions stay for good.
#define VLLTR_OLD(result, name, parameters, arguments)                   \
  result old_##name parameters;                                          \
  __asm__(".symver old_" #name "," #name "@GLIBC_2.2.5");                \
  __attribute__((visibility("hidden"))) result __wrap_##name parameters; \
  result __wrap_##name parameters { return old_##name arguments; }

extern "C" {
VLLTR_OLD(int, pthread_create,
          (pthread_t * thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument),
          (thread, attributes, start, argument))
VLLTR_OLD(int, pthread_key_create, (pthread_key_t * key, void (*destroy)(void*)), (key, destroy))
VLLTR_OLD(int, pthread_setspecific, (pthread_key_t key, const void* value), (key, value))
VLLTR_OLD(int, pthread_join, (pthread_t thread, void** result), (thread, result))
VLLTR_OLD(int, pthread_detach, (pthread_t thread), (thread))
VLLTR_OLD(int, pthread_once, (pthread_once_t * once, void (*call)()), (once, call))
VLLTR_OLD(int, pthread_sigmask, (int how, const sigset_t* set, sigset_t* old), (how, set, old))
VLLTR_OLD(int, __pthread_key_create, (pthread_key_t * key, void (*destroy)(void*)), (key, destroy))
VLLTR_OLD(void*, dlopen, (const char* path, int flags), (path, flags))
VLLTR_OLD(void*, dlsym, (void* handle, const char* name), (handle, name))
VLLTR_OLD(int, dladdr, (const void* address, Dl_info* info), (address, info))

// 2.29, of the C library's mathematics: without the errors of the old SVID.
VLLTR_OLD(double, exp, (double x), (x))
VLLTR_OLD(double, log, (double x), (x))
VLLTR_OLD(double, pow, (double x, double y), (x, y))

/** 2.36; of std::random_device alone. */
__attribute__((visibility("hidden"))) unsigned __wrap_arc4random();
unsigned __wrap_arc4random() {
  unsigned value = 0;
  return getrandom(&value, sizeof value, 0) == sizeof value ? value : static_cast<unsigned>(random());
}

/** 2.32. Zero says that there may be other threads, which is always safe. */
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}

#if defined(DLFO_STRUCT_HAS_EH_DBASE)
namespace {

struct Search {
  ElfW(Addr) address;
  dl_find_object* result;
};

/** For dl_iterate_phdr: 1 when `address` lies in this object and it has an exception table. */
int look(dl_phdr_info* object, size_t, void* data) {
  Search& search = *static_cast<Search*>(data);
  const void* table = nullptr;
  bool inside = false;
  ElfW(Addr) first = ~ElfW(Addr){0}, last = 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr) & header = object->dlpi_phdr[i];
    const ElfW(Addr) start = object->dlpi_addr + header.p_vaddr, end = start + header.p_memsz;
    if (header.p_type == PT_GNU_EH_FRAME) table = reinterpret_cast<const void*>(start);
    if (header.p_type != PT_LOAD) continue;
    if (start < first) first = start;
    if (end > last) last = end;
    inside = inside || (search.address >= start && search.address < end);
  }
  if (!inside || table == nullptr) return 0;
  *search.result = {};
  search.result->dlfo_map_start = reinterpret_cast<void*>(first);
  search.result->dlfo_map_end = reinterpret_cast<void*>(last);
  search.result->dlfo_eh_frame = const_cast<void*>(table);
  return 1;
}

}  // namespace

/** 2.35. How the unwinder of GCC 12 and later finds the exception table of the code at `address`. */
extern "C" __attribute__((visibility("hidden"))) int _dl_find_object(void* address,
                                                                     dl_find_object* result) noexcept {
  Search search{reinterpret_cast<ElfW(Addr)>(address), result};
  return dl_iterate_phdr(look, &search) == 1 ? 0 : -1;
}
#endif
#endif
