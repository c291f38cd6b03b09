// The self-test as a program of its own, which needs glibc and NVIDIA's driver alone.
// Exits 0 where all checks hold, 1 where one fails, 2 for a wrong command line, 77 where there is no card to
// check.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "selftest/report.h"

namespace {

constexpr int kWrong = 2, kSkipped = 77;
constexpr char kUsage[] =
    "usage: vlltr_selftest [--bench] [--op NAME]... [--seed N] [--device N] [--json FILE] [--small] "
    "[--verbose]\n"
    "ops:";

struct Command {
  vlltr::SelftestOptions options;
  std::string json;
};

bool number(const char* text, uint64_t most, uint64_t* value) {
  char* end = nullptr;
  *value = std::strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == 0 && *value <= most;
}

bool parse(int count, char** words, Command* command) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--bench") {
      command->options.bench = true;
    } else if (word == "--small") {
      command->options.small = true;
    } else if (word == "--verbose") {
      command->options.verbose = true;
    } else if (i + 1 == count) {
      return false;
    } else if (word == "--op") {
      command->options.ops.emplace_back(words[++i]);
    } else if (word == "--json") {
      command->json = words[++i];
    } else {
      uint64_t value = 0;
      const bool seed = word == "--seed";
      if ((!seed && word != "--device") || !number(words[++i], seed ? ~uint64_t{0} : 1023, &value))
        return false;
      if (seed) command->options.seed = value;
      if (!seed) command->options.device = static_cast<int>(value);
    }
  }
  return true;
}

bool write(const std::string& file, const std::string& text) {
  std::FILE* out = std::fopen(file.c_str(), "w");
  if (out == nullptr) return false;
  const bool written = std::fputs(text.c_str(), out) >= 0 && std::fputc('\n', out) == '\n';
  return std::fclose(out) == 0 && written;
}

}  // namespace

int main(int count, char** words) {
  Command command;
  command.options.seed = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch() /
                                               std::chrono::microseconds(1));
  if (!parse(count, words, &command)) {
    std::fputs(kUsage, stderr);
    for (const std::string& op : vlltr::selftestOps()) std::fprintf(stderr, " %s", op.c_str());
    std::fputc('\n', stderr);
    return kWrong;
  }
  vlltr::SelftestReport report;
  const auto say = [](const std::string& line) {
    std::puts(line.c_str());
    std::fflush(stdout);
  };
  const vlltr::Status status = vlltr::runSelftest(command.options, say, &report);
  if (status.code() == vlltr::Code::kUnavailable) {
    std::printf("skipped: no card to check (%s)\n", status.message().c_str());
    return kSkipped;
  }
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return status.code() == vlltr::Code::kInvalidArgument ? kWrong : 1;
  }
  if (!command.json.empty() && !write(command.json, report.json())) {
    std::fprintf(stderr, "cannot write %s\n", command.json.c_str());
    return 1;
  }
  std::puts(report.ok() ? "self-test: all checks hold" : "self-test: FAILED");
  return report.ok() ? 0 : 1;
}
