// results.json: the one source of tables, charts, the report and the gate.
//
// The writer is all or nothing: a temporary file beside the target, fsync, rename, fsync of the directory.
// Whoever opens the name sees the old file or the new one, whole. What cannot be written is
// UserError(not_written). The reader accepts exactly what results.schema.json describes; anything else is
// UserError(usage) with the reason.
#pragma once

#include <string>

#include "results/model.h"

namespace dragstrip {

std::string to_json(const Results& results);
void write_results(const std::string& path, const Results& results);

Results read_results(const std::string& path);
// `name` is what errors call it.
Results parse_results(const std::string& text, const std::string& name);

// Any other file that results are made of, in the same all-or-nothing way.
void write_file_atomically(const std::string& path, const std::string& content);

}  // namespace dragstrip
