// The text of the two schema files, compiled in.
#pragma once

namespace dragstrip {

extern const char* const kRunSchemaText;
extern const char* const kResultsSchemaText;

}  // namespace dragstrip
