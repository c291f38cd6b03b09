// In place of native/cuda/hopper_ptx.cuh: the same functions, done by the emulator.
#pragma once

#include <cuda_runtime.h>

#include "hopper.h"

namespace vlltr::cuda::hopper {

inline uint32_t sharedAddress(const void* memory) { return emulator::sharedOffset(memory); }

inline void initBarrier(uint32_t barrier, int arrivals) { emulator::initBarrier(barrier, arrivals); }
inline void publishBarriers() {}
inline void expectBytes(uint32_t barrier, int bytes) {
  emulator::arrive(barrier, emulator::here.rank, bytes);
}
inline void arrive(uint32_t barrier) { emulator::arrive(barrier, emulator::here.rank); }
inline void arriveRemote(uint32_t barrier, int rank) {
  emulator::arrive(barrier, static_cast<unsigned>(rank));
}
inline void awaitBarrier(uint32_t barrier, int parity) { emulator::awaitBarrier(barrier, parity); }

inline void prefetchMap(const CUtensorMap*) {}
inline void copyBox(uint32_t to, const CUtensorMap* map, int x, int y, uint32_t barrier) {
  emulator::copyBox(to, *map, x, y, barrier, 1u << emulator::here.rank);
}
inline void copyBox(uint32_t to, const CUtensorMap* map, int x, int y, uint32_t barrier, uint16_t blocks) {
  emulator::copyBox(to, *map, x, y, barrier, blocks);
}
inline void copyBytes(uint32_t to, const void* from, int bytes, uint32_t barrier) {
  emulator::copyBytes(to, from, bytes, barrier);
}

inline void publishStores() {}
inline void storeBox(const CUtensorMap* map, int x, int y, uint32_t from) {
  emulator::storeBox(*map, x, y, from);
}
inline void awaitStoresRead() { emulator::awaitStores(); }
inline void awaitStores() { emulator::awaitStores(); }
inline void storeMatrices(uint32_t to, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  emulator::storeMatrices(to, {a, b, c, d});
}

inline void addPair(float* to, float x, float y) { to[0] += x, to[1] += y; }
inline int loadAcquired(const int* from) {
  emulator::relax();
  return *from;
}
inline void storeReleased(int* to, int value) { *to = value; }

inline int clusterRank() { return static_cast<int>(emulator::here.rank); }
inline void synchronizeCluster() { emulator::syncCluster(); }
inline void synchronizeThreads(int barrier, int threads) {
  emulator::syncThreads(barrier, static_cast<unsigned>(threads));
}
inline void arriveThreads(int barrier, int threads) {
  emulator::arriveThreads(barrier, static_cast<unsigned>(threads));
}
template <int kRegisters>
void giveRegisters() {}
template <int kRegisters>
void takeRegisters() {}

}  // namespace vlltr::cuda::hopper
