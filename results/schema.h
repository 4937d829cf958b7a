// Checks a document against results.schema.json or run.schema.json; both are compiled in, so what the reader
// accepts is what the published schemas say, and there is no second description of the format.
//
// Owns: an interpreter of the keywords those two files use (draft 2020-12). A keyword it does not know is an
// assertion: a schema can never promise something that is not checked. Never: fetches anything.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace dragstrip {

using Json = nlohmann::ordered_json;

enum class SchemaFile : unsigned char { run, results };

// nullopt: it fits. Otherwise where and why, e.g. "cells[3].runs[0].clients: expected integer, found null".
std::optional<std::string> schema_violation(const Json& document, SchemaFile schema);
const Json& schema_document(SchemaFile schema);

}  // namespace dragstrip
