// What Hopper adds: barriers in shared memory, the copy engine, products of a warpgroup. Copies and products
// are done as late as the kernel allows: what they are to write is poison until somebody waits for them.
#pragma once

#include <cuda.h>

#include <cstdint>

namespace emulator {

void initBarrier(uint32_t barrier, int arrivals);
/** An arrival at the barrier of block `rank`, which first is to wait for so many more bytes. */
void arrive(uint32_t barrier, unsigned rank, int bytes = 0);
void awaitBarrier(uint32_t barrier, int parity);

/** To the blocks of the cluster that `blocks` has a bit for, at the same place in each. */
void copyBox(uint32_t to, const CUtensorMap& map, int x, int y, uint32_t barrier, unsigned blocks);
void copyBytes(uint32_t to, const void* from, int bytes, uint32_t barrier);
void storeBox(const CUtensorMap& map, int x, int y, uint32_t from);
void awaitStores();
void storeMatrices(uint32_t to, const uint32_t (&values)[4]);

/** wgmma m64nNk16: fragments of columns / 8, 4 floats each; descriptors as the device has them. */
struct GroupProduct {
  float* sums;
  int columns;
  uint64_t a, b;
  bool breadthA, breadthB, add;
};
void multiplyGroup(const GroupProduct& product);
void commitProducts();
void awaitProducts(int left);

/** A thread ends: none of its stores, none of its products is under way. */
void checkStoresEnd();
void checkProductsEnd();
void beginCluster();

constexpr int kBoxColumns = 64, kRowBytes = 128, kAtomRows = 8;
constexpr uint32_t kAtomBytes = kRowBytes * kAtomRows;
/** The 128-byte swizzle: pieces of 16 bytes are permuted by the row of 128 bytes that they are in. */
constexpr uint32_t swizzled(uint32_t address) { return address ^ (address / kRowBytes % kAtomRows * 16); }

}  // namespace emulator
