// What request and response heads of HTTP/1.1 have in common: limits, field lines, and what the fields say
// about the end of the message (RFC 9112 §5, §6). Strict where RFC 9112 lets a recipient choose between
// repairing and refusing (bare LF, obs-fold, repeated Content-Length): docs/adr/0002-own-http1-parser.md.
//
// Never: allocates, keeps bytes, or looks beyond those it was given. Parsing is monotone: if a prefix is
// refused, so is the whole, with the same status; that is what makes events independent of how input is cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/base/bytes.h"
#include "core/codec/http_types.h"

namespace dragstrip {

inline constexpr std::size_t kHttp1TargetMax = 8u << 10;
inline constexpr std::size_t kHttp1RequestHeadMax = 16u << 10;  // start line, fields and all line ends
inline constexpr std::size_t kHttp1ResponseHeadMax = 64u << 10;
inline constexpr std::size_t kHttp1FieldsMax = 100;
inline constexpr std::size_t kHttp1NamesMax = 16u << 10;  // bytes of all field names together
inline constexpr std::size_t kHttp1BodyMax = 1u << 20;    // of a request

enum class Http1Scan : std::uint8_t { complete, incomplete, failed };

// `status` is what a server answers with; a client only needs to know that there is an error.
struct Http1Error {
  int status = 0;
  std::string_view reason;  // one line for the person at the other end; static storage
};

// How the end of a body is found (RFC 9112 §6.3).
enum class Http1Body : std::uint8_t { none, length, chunked, until_close };

// The fields of one head, and what they mean to the framing. About 20 KiB without initial value: meant to
// live on the stack of the call that parses, so that idle connections do not pay for it.
class Http1Fields {
 public:
  Http1Fields() = default;
  Http1Fields(const Http1Fields&) = delete;
  Http1Fields& operator=(const Http1Fields&) = delete;

  [[nodiscard]] std::span<const Field> span() const noexcept { return {slots(), count_}; }
  [[nodiscard]] std::optional<std::string_view> find(std::string_view lower_name) const noexcept {
    for (const Field& field : span()) {
      if (field.name == lower_name) return field.value;
    }
    return std::nullopt;
  }

  // Reads field lines up to and including the empty one; `at` moves behind what was understood. Values point
  // into the input, names into this object.
  Http1Scan parse(const char*& at, const char* end, Http1Error& error) noexcept;

  // Facts gathered on the way, for the checks that need the whole head.
  std::uint64_t content_length = 0;
  std::uint8_t content_length_count = 0;
  std::uint8_t host_count = 0;
  std::uint8_t codings = 0;  // transfer codings named, in all fields together
  std::uint8_t chunked_codings = 0;
  bool chunked_is_last = false;
  bool has_transfer_encoding = false;
  bool host_is_valid = true;
  bool close = false;  // Connection options
  bool keep_alive = false;
  bool upgrade = false;
  bool upgrade_websocket = false;  // Upgrade names websocket
  bool expect_continue = false;
  bool expect_other = false;

 private:
  [[nodiscard]] const Field* slots() const noexcept { return reinterpret_cast<const Field*>(storage_); }
  bool note(std::string_view name, std::string_view value, Http1Error& error) noexcept;
  bool note_content_length(std::string_view value, Http1Error& error) noexcept;
  void note_transfer_encoding(std::string_view value) noexcept;
  void note_connection(std::string_view value) noexcept;

  std::size_t count_ = 0;
  std::size_t names_used_ = 0;
  alignas(Field) unsigned char storage_[kHttp1FieldsMax * sizeof(Field)];
  char names_[kHttp1NamesMax];
};

// The beginning of a head whose end has not come yet. Parsing starts over when more bytes are there, so it
// asks first whether the new ones can change anything: that keeps a head that arrives byte by byte linear in
// its lines, and still notices a broken line at once.
class Http1PartialHead {
 public:
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::string_view view() const noexcept { return bytes_.view(); }
  // Takes at most as much as makes `max` bytes in all. True: worth parsing.
  bool add(std::string_view bytes, std::size_t max);
  void truncate(std::size_t size) noexcept { bytes_.truncate(size); }
  void clear() noexcept { bytes_.clear(); }
  void shrink() noexcept { bytes_.shrink(4096); }

 private:
  Buffer bytes_;
};

// The first byte in [at, end) that must not be in a field value or reason phrase: a control other than HTAB.
const char* find_http1_control(const char* at, const char* end) noexcept;

// Calls use(element) for each element of a comma-separated list (RFC 9110 §5.6.1), white space trimmed.
template <class Use>
void for_each_http1_element(std::string_view list, Use&& use) {
  while (true) {
    const std::size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) element.remove_prefix(1);
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) element.remove_suffix(1);
    use(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace dragstrip
