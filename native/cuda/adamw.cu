// Bound by memory: 7 floats an element are moved (4 read, 3 written), and the gradient once more where its
// norm must be known before the update. A block takes one stretch: what one part of kPart elements of the
// vectors has of one parameter. Its threads take groups of 4 elements that begin at multiples of 4 of the
// vectors, so that 16 bytes are moved at a time whatever lengths the parameters have.
#include <algorithm>
#include <cmath>
#include <exception>
#include <vector>

#include "cuda/adamw.h"
#include "cuda/enqueue.h"
#include "cuda/launch.cuh"
#include "ops/adamw_call.h"

namespace vlltr::cuda {
namespace {

constexpr int kThreads = 256, kFinishThreads = 1024;
constexpr int64_t kPart = 8192, kGroup = 4;

struct Parameter {
  const float* grad;
  int64_t begin, end;           // of its elements in the vectors
  uint32_t firstBlock, blocks;  // that take its stretches
  AdamwFactors factors;
};

struct Vectors {
  const float *params, *m, *v;
  float *newParams, *newM, *newV;
};

struct Stretch {
  Parameter of;
  int64_t begin, end;  // of its elements in the vectors
};

/** The stretch of this block. Parameters are few: all threads look at once. */
__device__ const Stretch& findStretch(const Parameter* parameters, int count) {
  __shared__ Stretch found;
  for (int i = threadIdx.x; i < count; i += kThreads) {
    const uint32_t offset = blockIdx.x - parameters[i].firstBlock;
    if (offset >= parameters[i].blocks) continue;  // one that comes later wraps around
    found.of = parameters[i];
    const int64_t part = found.of.begin / kPart + offset;
    found.begin = max(found.of.begin, part * kPart);
    found.end = min(found.of.end, (part + 1) * kPart);
  }
  __syncthreads();
  return found;
}

__device__ bool aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

/** 4 elements, each read once and then not again for long. */
__device__ void load(float (&to)[kGroup], const float* from, bool wide) {
  if (wide) {
    const float4 all = __ldcs(reinterpret_cast<const float4*>(from));
    to[0] = all.x, to[1] = all.y, to[2] = all.z, to[3] = all.w;
  } else {
    for (int i = 0; i < kGroup; ++i) to[i] = from[i];
  }
}

__device__ void store(float* to, const float (&from)[kGroup], bool wide) {
  if (wide) {
    *reinterpret_cast<float4*>(to) = make_float4(from[0], from[1], from[2], from[3]);
  } else {
    for (int i = 0; i < kGroup; ++i) to[i] = from[i];
  }
}

__device__ void update(const AdamwFactors& f, float clip, float grad, float& p, float& m, float& v) {
  const float g = grad * clip;
  m = m * f.keepM + g * f.addM;
  v = v * f.keepV + g * g * f.addV;
  const float denominator = sqrtf(v) * f.unbiasRootV + f.epsilon;
  const float next = p - (p * f.decay + m / denominator * f.stepSize);
  p = next > f.upperBound ? f.upperBound : next;  // NaN stays NaN
}

/** The sum over the block, in an order that is always the same; thread 0 has it. */
template <int kBlock>
__device__ double sumOverBlock(double value) {
  __shared__ double warps[kBlock / 32];
  for (int step = 16; step > 0; step /= 2) value += __shfl_down_sync(~0u, value, step);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < kBlock / 32; ++i) value += warps[i];
  }
  return value;
}

__global__ __launch_bounds__(kThreads) void adamwSquares(const Parameter* parameters, int count,
                                                         double* squares) {
  const Stretch& stretch = findStretch(parameters, count);
  const int64_t begin = stretch.begin, end = stretch.end, first = begin / kGroup;
  const float* grad = stretch.of.grad - stretch.of.begin;  // indexed as the vectors are
  const bool wide = aligned(grad + first * kGroup);
  double sum = 0;
  for (int64_t group = first + threadIdx.x; group * kGroup < end; group += kThreads) {
    const int64_t at = group * kGroup;
    float g[kGroup];
    if (at >= begin && at + kGroup <= end) {
      load(g, grad + at, wide);
    } else {
      for (int i = 0; i < kGroup; ++i) g[i] = at + i >= begin && at + i < end ? grad[at + i] : 0.0f;
    }
    for (const float each : g) sum += static_cast<double>(each) * each;
  }
  sum = sumOverBlock<kThreads>(sum);
  if (threadIdx.x == 0) squares[blockIdx.x] = sum;
}

/** kClipped: the gradient is scaled by `clip`, its squares are known. Else they are summed on the way. */
template <bool kClipped>
__global__ __launch_bounds__(kThreads) void adamwUpdate(const Parameter* parameters, int count,
                                                        const Vectors vectors, const float* clip,
                                                        double* squares) {
  const Stretch& stretch = findStretch(parameters, count);
  const int64_t begin = stretch.begin, end = stretch.end, first = begin / kGroup;
  const AdamwFactors f = stretch.of.factors;
  const float scale = kClipped ? *clip : 1.0f;
  const float* grad = stretch.of.grad - stretch.of.begin;
  const bool wideGrad = aligned(grad + first * kGroup);
  const bool wide = aligned(vectors.params) && aligned(vectors.m) && aligned(vectors.v) &&
                    aligned(vectors.newParams) && aligned(vectors.newM) && aligned(vectors.newV);
  double sum = 0;
  for (int64_t group = first + threadIdx.x; group * kGroup < end; group += kThreads) {
    const int64_t at = group * kGroup;
    if (at >= begin && at + kGroup <= end) {
      float g[kGroup], p[kGroup], m[kGroup], v[kGroup];
      load(g, grad + at, wideGrad);
      load(p, vectors.params + at, wide);
      load(m, vectors.m + at, wide);
      load(v, vectors.v + at, wide);
      for (int i = 0; i < kGroup; ++i) {
        if (!kClipped) sum += static_cast<double>(g[i]) * g[i];
        update(f, scale, g[i], p[i], m[i], v[i]);
      }
      store(vectors.newParams + at, p, wide);
      store(vectors.newM + at, m, wide);
      store(vectors.newV + at, v, wide);
      continue;
    }
    for (int64_t i = max(at, begin); i < min(at + kGroup, end); ++i) {
      const float g = grad[i];
      float p = vectors.params[i], m = vectors.m[i], v = vectors.v[i];
      if (!kClipped) sum += static_cast<double>(g) * g;
      update(f, scale, g, p, m, v);
      vectors.newParams[i] = p, vectors.newM[i] = m, vectors.newV[i] = v;
    }
  }
  if (kClipped) return;
  sum = sumOverBlock<kThreads>(sum);
  if (threadIdx.x == 0) squares[blockIdx.x] = sum;
}

/** |g|, and what it is to be scaled by. One block. */
__global__ __launch_bounds__(kFinishThreads) void adamwNorm(const double* squares, int count, double clipNorm,
                                                            float* gradNorm, float* clip) {
  double sum = 0;
  for (int i = threadIdx.x; i < count; i += kFinishThreads) sum += squares[i];
  sum = sumOverBlock<kFinishThreads>(sum);
  if (threadIdx.x != 0) return;
  const double norm = sqrt(sum), factor = clipNorm / (norm + kAdamwClipEpsilon);
  *gradNorm = static_cast<float>(norm);
  *clip = factor >= 1 ? 1.0f : static_cast<float>(factor);  // NaN stays NaN
}

/** The parameters of a call without their factors: its blocks are those before the end of the last one's. */
std::vector<Parameter> stretchesOf(const Adamw& call) {
  std::vector<Parameter> all;
  int64_t begin = 0;
  uint32_t blocks = 0;
  for (const AdamwParameter& p : call.parameters) {
    const int64_t end = begin + p.length;
    const auto parts = p.length == 0 ? 0u : static_cast<uint32_t>((end - 1) / kPart - begin / kPart + 1);
    all.push_back({p.grad, begin, end, blocks, parts, {}});
    blocks += parts;
    begin = end;
  }
  return all;
}

uint32_t blocksOf(const std::vector<Parameter>& parameters) {
  return parameters.empty() ? 0 : parameters.back().firstBlock + parameters.back().blocks;
}

struct Memory {
  Parameter* list;
  double* squares;  // of each block's stretch
  float* clip;

  Memory(Arena& arena, const std::vector<Parameter>& parameters)
      : list(arena.take<Parameter>(static_cast<int64_t>(parameters.size()))),
        squares(arena.take<double>(blocksOf(parameters))),
        clip(arena.take<float>(1)) {}
};

Status enqueue(Device& device, const Adamw& call, const std::vector<Parameter>& parameters,
               const Memory& memory) {
  const uint32_t blocks = blocksOf(parameters);
  const auto count = static_cast<int>(parameters.size());
  cudaStream_t stream = device.data().stream;
  Parameter* const list = memory.list;
  double* const squares = memory.squares;
  float* const clip = memory.clip;
  if (count > 0) {
    const auto bytes = static_cast<int64_t>(parameters.size() * sizeof(Parameter));
    VLLTR_RETURN_IF_ERROR(device.upload(list, parameters.data(), bytes));
  }
  const bool clipped = std::isfinite(call.clipNorm);
  const Vectors vectors{call.params, call.m, call.v, call.newParams, call.newM, call.newV};
  const auto norm = [&] {
    return launch(stream, adamwNorm, 1, kFinishThreads, 0, squares, static_cast<int>(blocks), call.clipNorm,
                  call.gradNorm, clip);
  };
  const auto update = [&](auto kernel) {
    return launch(stream, kernel, blocks, kThreads, 0, list, count, vectors, clip, squares);
  };
  cudaError_t error = cudaSuccess;
  if (blocks > 0 && clipped) {
    error = launch(stream, adamwSquares, blocks, kThreads, 0, list, count, squares);
    if (error == cudaSuccess) error = norm();
    if (error == cudaSuccess) error = update(adamwUpdate<true>);
  } else {
    if (blocks > 0) error = update(adamwUpdate<false>);
    if (error == cudaSuccess) error = norm();
  }
  return check(error, "starting adamw");
}

}  // namespace

int64_t adamwWorkspace(const Adamw& call) {
  Arena count;
  Memory(count, stretchesOf(call));
  return count.bytes();
}

Status adamw(Device& device, const Adamw& call, const LentMemory& lent) {
  try {
    VLLTR_RETURN_IF_ERROR(checkAdamwCall(call));
    std::vector<Parameter> parameters = stretchesOf(call);
    const std::vector<AdamwFactors> factors = adamwFactors(call, 1);
    for (size_t i = 0; i < parameters.size(); ++i) parameters[i].factors = factors[i];
    Arena count;
    Memory(count, parameters);
    return enqueueWith(device, count.bytes(), lent, [&](Arena& arena) {
      return enqueue(device, call, parameters, Memory(arena, parameters));
    });
  } catch (const std::exception&) {
    return Status(Code::kResourceExhausted, "adamw: no memory for the list of its parameters");
  }
}

}  // namespace vlltr::cuda
