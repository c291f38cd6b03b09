// TensorFlow prints two lines while its library is loaded, before it reads TF_CPP_MIN_LOG_LEVEL. This little
// addon loads the library beside it (tensorflow/libtensorflow_framework.so.2) with stderr caught in memory,
// and prints all else that was caught. Not thread-safe for the moment that takes: whoever writes to stderr
// meanwhile is merely late.
#include <dlfcn.h>
#include <node_api.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace {

bool IsNoise(const std::string& line) {
  return line.find("before absl::InitializeLog()") != std::string::npos ||
         line.find("oneDNN custom operations are on") != std::string::npos;
}

void Print(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end == std::string::npos ? end : end + 1 - at);
    if (!IsNoise(line) && write(STDERR_FILENO, line.data(), line.size()) < 0) return;
    at += line.size();
  }
}

void LoadQuietly() {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  Dl_info self;
  if (!level || std::atoi(level) < 1 || !dladdr(reinterpret_cast<void*>(&LoadQuietly), &self)) return;
  const std::string path(self.dli_fname);
  const std::string library = path.substr(0, path.rfind('/') + 1) + "tensorflow/libtensorflow_framework.so.2";
  const int saved = dup(STDERR_FILENO);
  const int memory = memfd_create("vl-ltr", 0);
  if (saved >= 0 && memory >= 0 && dup2(memory, STDERR_FILENO) >= 0) {
    dlopen(library.c_str(),
           RTLD_LAZY);  // a failure comes up again, with its cause, when the binding is loaded
    dup2(saved, STDERR_FILENO);
    std::string text(static_cast<std::size_t>(lseek(memory, 0, SEEK_END)), '\0');
    const ssize_t got = pread(memory, text.data(), text.size(), 0);
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    Print(text);
  }
  if (saved >= 0) close(saved);
  if (memory >= 0) close(memory);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env,
                                                                                     napi_value exports) {
  LoadQuietly();
  return exports;
}
