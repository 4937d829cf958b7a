// What the codecs do for one message, many times over: fixed inputs, fixed keys, no clock and no socket, so
// that the instructions it takes are the same on every run. instructions.h counts them.
//
// A work checks what came out, once a message: a codec that does less because it does it wrong is no
// improvement. Never: counts anything itself.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dragstrip::counters {

class Work {
 public:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;
  // So many messages. False: the codec did not do what it should.
  [[nodiscard]] virtual bool run(std::uint32_t messages) = 0;
};

struct CodecWork {
  std::string codec;
  std::unique_ptr<Work> work;
};

// `once`: bool(), one message.
template <typename Once>
CodecWork repeat(std::string codec, Once once) {
  class Repeated final : public Work {
   public:
    explicit Repeated(Once once_to_run) : once_(std::move(once_to_run)) {}
    bool run(std::uint32_t messages) override {
      for (std::uint32_t i = 0; i < messages; ++i) {
        if (!once_()) return false;
      }
      return true;
    }

   private:
    Once once_;
  };
  return {std::move(codec), std::make_unique<Repeated>(std::move(once))};
}

// Keeps the compiler from leaving out what makes `value`, or from doing it once for all messages.
template <typename T>
void use(const T& value) noexcept {
  asm volatile("" : : "g"(&value) : "memory");
}

// All of them, in the order in which they are run; names are unique.
std::vector<CodecWork> codec_works();
// Those over nghttp2, both ends: http2_request, a request and its answer; http2_push, DATA of an open answer.
CodecWork http2_request_work();
CodecWork http2_push_work();

}  // namespace dragstrip::counters
