// Every output, of every verdict: well-formed, within its limits, the same bytes for the same report, and not
// to be broken by names from files. Recordings that are damaged are refused with one line.
#include "bench/gate/outputs.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/gate/analysis.h"
#include "tests/bench/gate/synthetic.h"

namespace dragstrip {
namespace {

using testing::Synthetic;
using testing::SyntheticGate;

Recording recording_of(std::size_t cells, double s, double planted = 0) {
  Synthetic shape;
  shape.cells = cells;
  shape.s = s;
  SyntheticGate gate(shape, 11);
  if (planted != 0) gate.plant(1, planted);
  return gate.run();
}

std::vector<GateReport> every_verdict() {
  std::vector<GateReport> reports;
  reports.push_back(analyse(recording_of(3, 0.01), {}, {}));
  reports.push_back(analyse(recording_of(3, 0.01, 0.2),
                            {{{"c", "writes", 1, 2, true}, {"c", "reads", 2, 1, false}}, 5, {}, {}}, {}));
  reports.push_back(analyse(recording_of(40, 0.3), {}, {}));
  Recording nasty = recording_of(2, 0.3, 0.9);
  nasty.cells[0].id = "a|b<script>&\"'`\n\x01 \xc3\xa4 \xff::error::x%";
  nasty.cells[1].id = std::string(5000, 'x');
  nasty.failures.push_back({"x", 1, "head", "<died> & \"left\"\n::error::y", 3});
  reports.push_back(analyse(nasty, {}, {}));
  return reports;
}

// Elements that open and close in order, attributes in quotes, no stray < or &: what every XML parser asks
// first.
std::string xml_problem(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '&') {
      const std::size_t end = text.find(';', i);
      const std::string name = end == std::string::npos ? "" : text.substr(i + 1, end - i - 1);
      if (name != "amp" && name != "lt" && name != "gt" && name != "quot") return "bad entity " + name;
    }
    if (static_cast<unsigned char>(text[i]) < 0x20 && text[i] != '\n') return "a control character";
    if (text[i] != '<') continue;
    const std::size_t end = text.find('>', i);
    if (end == std::string::npos) return "an open tag";
    const std::string tag = text.substr(i + 1, end - i - 1);
    if (tag.find('<') != std::string::npos) return "a < inside a tag";
    if (tag[0] == '?') continue;
    const std::string name =
        tag.substr(tag[0] == '/' ? 1 : 0, tag.find_first_of(" /", 1) - (tag[0] == '/' ? 1 : 0));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != name) return "</" + name + "> closes nothing";
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    i = end;
  }
  return open.empty() ? "" : open.back() + " is not closed";
}

TEST(Outputs, JsonIsStrict) {
  for (const GateReport& report : every_verdict()) {
    const Recording recording = recording_of(2, 0.1);
    for (const std::string& text : {gate_json(report, &recording), action_benchmark(report, Better::lower),
                                    action_benchmark(report, Better::higher), bencher(report)}) {
      EXPECT_TRUE(nlohmann::json::accept(text)) << text.substr(0, 300);
      EXPECT_EQ(text.find("NaN"), std::string::npos);
      EXPECT_EQ(text.find("Infinity"), std::string::npos);
    }
  }
}

TEST(Outputs, JUnitIsWellFormedAndRedWhenTheGateIs) {
  for (const GateReport& report : every_verdict()) {
    const std::string text = junit_xml(report);
    EXPECT_EQ(xml_problem(text), "");
    EXPECT_EQ(text.find("<failure") != std::string::npos, report.code != ExitCode::ok);
  }
}

TEST(Outputs, TheCheckerOfXmlFindsWhatIsWrong) {
  EXPECT_NE(xml_problem("<a><b></a>"), "");
  EXPECT_NE(xml_problem("<a>&nbsp;</a>"), "");
  EXPECT_NE(xml_problem("<a"), "");
  EXPECT_NE(xml_problem("<a>\x01</a>"), "");
}

TEST(Outputs, MarkdownFitsACommentAndIsWorstFirst) {
  GateReport many = analyse(recording_of(10, 0.02), {}, {});
  for (int doubled = 0; doubled < 8; ++doubled) {
    const std::vector<MetricReport> copy = many.metrics;
    many.metrics.insert(many.metrics.end(), copy.begin(), copy.end());
  }
  const std::string huge = markdown(many);
  EXPECT_LE(huge.size(), kMarkdownLimit);
  EXPECT_NE(huge.find("more are in gate.json"), std::string::npos);
  EXPECT_NE(huge.find("</details>"), std::string::npos);
  for (const GateReport& report : every_verdict()) {
    const std::string text = markdown(report);
    EXPECT_EQ(text.find(kMarkdownMarker), 0u);
    EXPECT_LE(text.size(), kMarkdownLimit);
    EXPECT_EQ(text.find("<script>"), std::string::npos);
  }
  const GateReport report = analyse(recording_of(3, 0.01, 0.2), {}, {});
  EXPECT_EQ(worst_first(report).front()->verdict, MetricVerdict::regression);
  const std::string text = markdown(report);
  EXPECT_LT(text.find("| regression |"), text.find("| pass |"));
}

// Lines that begin with two blanks: those of the cells.
std::vector<std::string> lines_of_cells(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0, end = 0; at < text.size(); at = end + 1) {
    end = std::min(text.find('\n', at), text.size());
    if (text.compare(at, 2, "  ") == 0 && text[at + 2] != ' ') lines.push_back(text.substr(at, end - at));
  }
  return lines;
}

TEST(Outputs, ATerminalOfEightyColumnsShowsEachCellOnceWithAllItsMetrics) {
  for (const GateReport& report : every_verdict()) {
    const std::vector<std::string> lines = lines_of_cells(terminal(report));
    EXPECT_EQ(lines.size(), report.metrics.size() + report.counters.size());
    for (const std::string& line : lines) EXPECT_LE(line.size(), 80u) << line;
  }
  GateReport report = analyse(recording_of(3, 0.01, 0.2), {{{"c", "writes", 1, 2, true}}, 5, {}, {}}, {});
  const std::string longest(120, 'n');
  for (MetricReport& metric : report.metrics) {
    if (metric.cell == report.metrics.front().cell) continue;
    metric.cell = longest;
  }
  const std::string text = terminal(report);
  const std::size_t whole = text.find("\n" + longest + "\n");
  EXPECT_NE(whole, std::string::npos) << "no name is cut";
  EXPECT_EQ(text.find("\n" + longest + "\n", whole + 1), std::string::npos) << "nor said twice";
  EXPECT_LT(text.find("  regression "), text.find("  pass ")) << "the worst comes first";
}

TEST(Outputs, AnnotationsStayWithinWhatIsShown) {
  for (const GateReport& report : every_verdict()) {
    const std::string text = annotations(report);
    std::size_t errors = 0;
    std::size_t warnings = 0;
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
      const std::string line = text.substr(at, end - at);
      errors += line.starts_with("::error title=") ? 1u : 0u;
      warnings += line.starts_with("::warning title=") ? 1u : 0u;
      EXPECT_TRUE(line.starts_with("::error title=") || line.starts_with("::warning title=")) << line;
    }
    EXPECT_LE(errors, kAnnotationLimit);
    EXPECT_LE(warnings, kAnnotationLimit);
    EXPECT_EQ(errors + warnings == 0, report.code == ExitCode::ok);
  }
}

TEST(Outputs, ARecordingComesBackFromGateJsonAndIsJudgedTheSame) {
  Recording first = recording_of(4, 0.05, 0.1);
  first.counters = {{{"feed/sse/h1", "per_message.writes", 1, 2, true}}, 7, {}, {"a note"}};
  const GateReport report = analyse(first, first.counters, {});
  const std::string text = gate_json(report, &first);
  const Recording again = parse_recording(text, "gate.json");
  const GateReport second = analyse(again, again.counters, {});
  EXPECT_EQ(gate_json(second, &again), text);
  EXPECT_EQ(markdown(second), markdown(report));
  EXPECT_EQ(junit_xml(second), junit_xml(report));
}

// What a disk, a crashed writer or a hand may have done to the file.
TEST(Recordings, DamagedOnesAreRefused) {
  const Json good = recording_json(recording_of(2, 0.02));
  const auto refused = [](const std::string& text) {
    try {
      parse_recording(text, "pairs.json");
    } catch (const UserError& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      EXPECT_NE(std::string(error.what()).find("pairs.json"), std::string::npos);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return true;
    }
    return false;
  };
  const auto with = [&](auto change) {
    Json json = good;
    change(json);
    return json.dump();
  };
  EXPECT_FALSE(refused(good.dump()));
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("[]"));
  EXPECT_TRUE(refused(good.dump().substr(0, good.dump().size() / 2)));
  std::string nan = good.dump();
  nan.replace(nan.find("\"fwer\":") + 7, 4, "NaN ");
  EXPECT_TRUE(refused(nan));
  EXPECT_TRUE(refused(with([](Json& j) { j["schema"] = "dragstrip.pairs/2"; })));
  EXPECT_TRUE(refused(with([](Json& j) { j.erase("seed"); })));
  EXPECT_TRUE(refused(with([](Json& j) { j["pairs"][0]["base"][0] = 0.0; })));
  EXPECT_TRUE(refused(with([](Json& j) { j["pairs"][0]["base"][0] = -5; })));
  EXPECT_TRUE(refused(with([](Json& j) { j["pairs"][0]["other"].push_back(1.0); })));
  EXPECT_TRUE(refused(with([](Json& j) { j["pairs"][0]["cell"] = 99; })));
  EXPECT_TRUE(refused(with([](Json& j) { j["pairs"][1] = j["pairs"][0]; })));
  EXPECT_TRUE(refused(with([](Json& j) { j["cells"][1]["id"] = j["cells"][0]["id"]; })));
  EXPECT_TRUE(refused(with([](Json& j) { j["cells"][0]["metrics"][0]["role"] = "important"; })));
  EXPECT_TRUE(refused(with([](Json& j) { j["cells"] = Json::array(); })));
  EXPECT_TRUE(refused(with([](Json& j) { j["fwer"] = 2; })));
}

}  // namespace
}  // namespace dragstrip
