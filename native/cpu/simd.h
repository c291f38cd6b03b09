// Vectors for kernels that are built once an instruction set from the same source.
//
// A translation unit built for AVX-512 must not emit a function that the linker may take for the whole
// program (an inline function or template of the standard library): it would crash other processors. So these
// units include this header and plain C headers only, and all they define has internal linkage but for their
// table of kernels. The test `isa_units_have_no_weak_symbols` proves it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

// CMake gives each build VLLTR_ISA_SUFFIX (Avx512, Avx2, Generic) and VLLTR_VECTOR_BYTES (64, 32, 16).
#define VLLTR_JOIN(a, b) a##b
#define VLLTR_JOIN_EXPANDED(a, b) VLLTR_JOIN(a, b)
/** The name of this build's own version of a symbol: VLLTR_FOR_ISA(kLayerNorm) is kLayerNormAvx512. */
#define VLLTR_FOR_ISA(name) VLLTR_JOIN_EXPANDED(name, VLLTR_ISA_SUFFIX)

namespace vlltr::simd {
namespace {

constexpr int64_t kFloats = VLLTR_VECTOR_BYTES / 4;
constexpr int64_t kDoubles = VLLTR_VECTOR_BYTES / 8;

typedef float FloatVector __attribute__((vector_size(VLLTR_VECTOR_BYTES)));
typedef int32_t IntVector __attribute__((vector_size(VLLTR_VECTOR_BYTES)));
typedef double DoubleVector __attribute__((vector_size(VLLTR_VECTOR_BYTES)));
typedef float HalfVector __attribute__((vector_size(VLLTR_VECTOR_BYTES / 2)));  // kDoubles floats

template <class Vector>
inline Vector load(const void* from) {
  Vector vector;
  __builtin_memcpy(&vector, from, sizeof vector);  // any alignment
  return vector;
}

template <class Vector>
inline void store(void* to, Vector vector) {
  __builtin_memcpy(to, &vector, sizeof vector);
}

/** Stores past the caches, for what nobody reads soon: the lines are not read first. `to` is aligned to whole
 * vectors; `finishStreams` has to follow before another thread looks. */
inline void stream(float* to, FloatVector vector) {
#if VLLTR_VECTOR_BYTES == 64 && defined(__AVX512F__)
  _mm512_stream_ps(to, __m512(vector));
#elif VLLTR_VECTOR_BYTES == 32 && defined(__AVX__)
  _mm256_stream_ps(to, __m256(vector));
#elif VLLTR_VECTOR_BYTES == 16 && defined(__SSE2__)
  _mm_stream_ps(to, __m128(vector));
#else
  store(to, vector);
#endif
}

inline void finishStreams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

inline FloatVector broadcast(float value) { return value - FloatVector{}; }  // x - 0 is x, -0 too

/** kDoubles floats (or one) as doubles. */
template <class Wide>
inline Wide loadWide(const float* from) {
  if constexpr (sizeof(Wide) == sizeof(double)) {
    return *from;
  } else {
    return __builtin_convertvector(load<HalfVector>(from), DoubleVector);
  }
}

/** Rounds kDoubles doubles (or one) to floats. */
template <class Wide>
inline void storeNarrow(float* to, Wide wide) {
  if constexpr (sizeof(Wide) == sizeof(double)) {
    *to = static_cast<float>(wide);
  } else {
    store(to, __builtin_convertvector(wide, HalfVector));
  }
}

inline float squareRoot(float x) { return __builtin_sqrtf(x); }

inline FloatVector squareRoot(FloatVector x) {
  for (int64_t i = 0; i < kFloats; ++i) x[i] = __builtin_sqrtf(x[i]);  // one instruction, without errno
  return x;
}

inline double sum(DoubleVector vector) {
  double total = 0;
  for (int64_t i = 0; i < kDoubles; ++i) total += vector[i];
  return total;
}

}  // namespace
}  // namespace vlltr::simd
