#include "results/schema.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/check.h"
#include "results/schema_text.h"

namespace dragstrip {

namespace {

using Violation = std::optional<std::string>;

constexpr std::array<std::string_view, 4> kAnnotations{"$schema", "$id", "title", "description"};
constexpr int kMaxDepth = 64;

// A list or an object only as such: printing one recurses as deep as it is nested, and that is up to the
// file.
std::string quoted(const Json& value) {
  if (value.is_array()) return value.empty() ? "[]" : "[...]";
  if (value.is_object()) return value.empty() ? "{}" : "{...}";
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return text;
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  if (type == "number") return value.is_number();
  DRAGSTRIP_CHECK(type == "integer");
  if (value.is_number_integer()) return true;
  // 1.0 is an integer to JSON Schema (draft 2020-12, validation 6.1.1); beyond 2^53 it would not convert
  // exactly.
  if (!value.is_number_float()) return false;
  const double number = value.get<double>();
  return std::trunc(number) == number && std::abs(number) <= 0x1.0p53;
}

// One walk through a document. `path` names the place in it.
class Checker {
 public:
  Violation check(const Json& value, const Json& schema, const std::string& path, SchemaFile file,
                  int depth) {
    DRAGSTRIP_CHECK(depth < kMaxDepth);  // our schemas are not recursive
    for (const auto& [keyword, rule] : schema.items()) {
      if (Violation bad = apply(keyword, rule, value, schema, path, file, depth)) return bad;
    }
    return std::nullopt;
  }

 private:
  Violation apply(const std::string& keyword, const Json& rule, const Json& value, const Json& schema,
                  const std::string& path, SchemaFile file, int depth) {
    if (keyword == "$ref") return follow(rule.get<std::string>(), value, path, file, depth);
    if (keyword == "type") return type(rule, value, path);
    if (keyword == "const")
      return rule == value ? ok() : at(path, "expected " + rule.dump() + ", found " + quoted(value));
    if (keyword == "enum") return one_of(rule, value, path);
    if (keyword == "anyOf") return any_of(rule, value, path, file, depth);
    if (keyword == "properties") return properties(rule, value, path, file, depth);
    if (keyword == "required") return required(rule, value, path);
    if (keyword == "additionalProperties") return additional(rule, value, schema, path, file, depth);
    if (keyword == "items") return items(rule, value, path, file, depth);
    if (keyword == "minItems" || keyword == "maxItems")
      return length(keyword, rule, value, value.is_array(), path);
    if (keyword == "minLength" || keyword == "maxLength")
      return length(keyword, rule, value, value.is_string(), path);
    if (keyword == "minimum" || keyword == "maximum" || keyword == "exclusiveMinimum")
      return bound(keyword, rule, value, path);
    for (const std::string_view annotation : kAnnotations) {
      if (keyword == annotation) return ok();
    }
    DRAGSTRIP_CHECK(keyword == "$defs");
    return ok();
  }

  static Violation ok() { return std::nullopt; }
  static Violation at(const std::string& path, const std::string& what) {
    return (path.empty() ? "the document" : path) + ": " + what;
  }
  static std::string join(const std::string& path, const std::string& key) {
    return path.empty() ? key : path + "." + key;
  }

  // "#/$defs/x", "run.schema.json", "run.schema.json#/$defs/x"
  Violation follow(const std::string& ref, const Json& value, const std::string& path, SchemaFile file,
                   int depth) {
    const std::size_t hash = ref.find('#');
    const std::string document = ref.substr(0, hash);
    DRAGSTRIP_CHECK(document.empty() || document == "run.schema.json");
    const SchemaFile target = document.empty() ? file : SchemaFile::run;
    const Json& schema = schema_document(target);
    if (hash == std::string::npos) return check(value, schema, path, target, depth + 1);
    return check(value, schema.at(Json::json_pointer(ref.substr(hash + 1))), path, target, depth + 1);
  }

  static Violation type(const Json& rule, const Json& value, const std::string& path) {
    std::string names;
    if (rule.is_string()) {
      names = rule.get<std::string>();
      if (has_type(value, names)) return ok();
    } else {
      for (const Json& one : rule) {
        if (has_type(value, one.get<std::string>())) return ok();
        names += (names.empty() ? "" : " or ") + one.get<std::string>();
      }
    }
    return at(path, "expected " + names + ", found " + quoted(value));
  }

  static Violation one_of(const Json& rule, const Json& value, const std::string& path) {
    for (const Json& allowed : rule) {
      if (allowed == value) return ok();
    }
    return at(path, "expected one of " + rule.dump() + ", found " + quoted(value));
  }

  // All alternatives here are "null or something": the complaint about the something is the useful one.
  Violation any_of(const Json& rule, const Json& value, const std::string& path, SchemaFile file, int depth) {
    Violation complaint;
    for (const Json& alternative : rule) {
      Violation bad = check(value, alternative, path, file, depth + 1);
      if (!bad) return ok();
      const bool null_only = alternative.contains("type") && alternative["type"] == "null";
      if (!complaint || !null_only) complaint = bad;
    }
    return complaint;
  }

  Violation properties(const Json& rule, const Json& value, const std::string& path, SchemaFile file,
                       int depth) {
    if (!value.is_object()) return ok();
    for (const auto& [key, member] : value.items()) {
      const auto schema = rule.find(key);
      if (schema == rule.end()) continue;
      if (Violation bad = check(member, *schema, join(path, key), file, depth + 1)) return bad;
    }
    return ok();
  }

  static Violation required(const Json& rule, const Json& value, const std::string& path) {
    if (!value.is_object()) return ok();
    for (const Json& key : rule) {
      if (!value.contains(key.get<std::string>())) return at(join(path, key.get<std::string>()), "missing");
    }
    return ok();
  }

  Violation additional(const Json& rule, const Json& value, const Json& schema, const std::string& path,
                       SchemaFile file, int depth) {
    if (!value.is_object()) return ok();
    const bool listed = schema.contains("properties");
    for (const auto& [key, member] : value.items()) {
      if (listed && schema["properties"].contains(key)) continue;
      if (rule.is_boolean()) {
        DRAGSTRIP_CHECK(!rule.get<bool>());
        return at(join(path, key.substr(0, 64)), "not part of the format");
      }
      if (Violation bad = check(member, rule, join(path, key), file, depth + 1)) return bad;
    }
    return ok();
  }

  Violation items(const Json& rule, const Json& value, const std::string& path, SchemaFile file, int depth) {
    if (!value.is_array()) return ok();
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (Violation bad = check(value[i], rule, path + "[" + std::to_string(i) + "]", file, depth + 1))
        return bad;
    }
    return ok();
  }

  static Violation length(const std::string& keyword, const Json& rule, const Json& value, bool applies,
                          const std::string& path) {
    if (!applies) return ok();
    const std::size_t size = value.is_string() ? value.get_ref<const std::string&>().size() : value.size();
    const std::size_t limit = rule.get<std::size_t>();
    const bool fits = keyword.substr(0, 3) == "min" ? size >= limit : size <= limit;
    return fits ? ok() : at(path, keyword + " is " + rule.dump() + ", found " + std::to_string(size));
  }

  static Violation bound(const std::string& keyword, const Json& rule, const Json& value,
                         const std::string& path) {
    if (!value.is_number()) return ok();
    const double number = value.get<double>();
    const double limit = rule.get<double>();
    const bool fits = keyword == "minimum"   ? number >= limit
                      : keyword == "maximum" ? number <= limit
                                             : number > limit;
    return fits ? ok() : at(path, keyword + " is " + rule.dump() + ", found " + quoted(value));
  }
};

}  // namespace

const Json& schema_document(SchemaFile schema) {
  static const Json run = Json::parse(kRunSchemaText);
  static const Json results = Json::parse(kResultsSchemaText);
  return schema == SchemaFile::run ? run : results;
}

std::optional<std::string> schema_violation(const Json& document, SchemaFile schema) {
  return Checker().check(document, schema_document(schema), "", schema, 0);
}

}  // namespace dragstrip
