#include "core/base/error.h"

#include "core/base/text.h"

namespace dragstrip {

UserError::UserError(ExitCode code, const std::string& line)
    : std::runtime_error(one_line(line)), code_(code) {}

}  // namespace dragstrip
