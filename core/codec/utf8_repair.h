// UTF-8 as the Encoding Standard's "UTF-8 decode" has it: what is not well-formed becomes U+FFFD, one per
// maximal subpart (Unicode 15, §3.9, table 3-7 and "U+FFFD substitution of maximal subparts").
//
// Never: rejects, looks at a byte order mark. Appends at most three times the input.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/base/bytes.h"

namespace dragstrip {

// Offset of the first byte that does not begin a well-formed sequence; text.size() when all is well.
std::size_t find_malformed_utf8(std::string_view text) noexcept;
void append_repaired_utf8(Buffer& out, std::string_view text);

}  // namespace dragstrip
