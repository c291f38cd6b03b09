#pragma once

/** Of arithmetic that a device and a host test both compile. */
#if defined(__CUDACC__)
#define VLLTR_HD __host__ __device__ __forceinline__
#else
#define VLLTR_HD inline
#endif
