#include "vlltr/isa.h"

#include <cstdlib>
#include <cstring>

namespace vlltr {
namespace {

struct Candidate {
  Isa isa;
  const char* name;
  bool (*runs)();
};

bool always() { return true; }

#if defined(VLLTR_X86)
bool hasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool hasAvx512() {
  return hasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool hasAvx512Bf16() { return hasAvx512() && __builtin_cpu_supports("avx512bf16"); }
#endif

// Best first; the one that runs everywhere last.
constexpr Candidate kCandidates[] = {
#if defined(VLLTR_X86)
    {Isa::kAvx512Bf16, "avx512bf16", hasAvx512Bf16},
    {Isa::kAvx512, "avx512", hasAvx512},
    {Isa::kAvx2, "avx2", hasAvx2},
#endif
    {Isa::kGeneric, "generic", always},
};

}  // namespace

const char* isaName(Isa isa) {
  switch (isa) {
    case Isa::kAvx512Bf16:
      return "avx512bf16";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kGeneric:
      break;
  }
  return "generic";
}

std::vector<Isa> availableIsas() {
  std::vector<Isa> isas;
  for (const Candidate& candidate : kCandidates) {
    if (candidate.runs()) isas.push_back(candidate.isa);
  }
  return isas;
}

Status parseIsa(const char* name, Isa* isa) {
  for (const Candidate& candidate : kCandidates) {
    if (name == nullptr || *name == '\0') {
      if (!candidate.runs()) continue;
    } else {
      if (std::strcmp(name, candidate.name) != 0) continue;
      if (!candidate.runs()) {
        return unavailable(std::string("VLLTR_ISA is \"") + name + "\", which this processor does not have");
      }
    }
    *isa = candidate.isa;
    return Status();
  }
  std::string names;
  for (const Candidate& candidate : kCandidates) {
    names += (names.empty() ? "" : ", ") + std::string(candidate.name);
  }
  return invalidArgument(std::string("VLLTR_ISA is \"") + name + "\", expected one of: " + names);
}

Status chosenIsa(Isa* isa) {
  struct Choice {
    Isa isa = Isa::kGeneric;
    Status status;
  };
  static const Choice choice = [] {
    Choice made;
    made.status = parseIsa(std::getenv("VLLTR_ISA"), &made.isa);
    return made;
  }();
  *isa = choice.isa;
  return choice.status;
}

}  // namespace vlltr
