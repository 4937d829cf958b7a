// The record is what the reader of results accepts, and says null where nothing was measured.
#include "clients/load/run_record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "results/run_record.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

constexpr Instant kZero = instant_from_ns(5'000'000'000);

RunFacts facts_of(const Recorder& recorder) {
  RunFacts facts;
  facts.row = "sse/h1";
  facts.workload = "feed";
  facts.target = "http://127.0.0.1:1";
  facts.recorder = &recorder;
  facts.window = 2s;
  facts.timeout = 1s;
  facts.payload_bytes = 100;
  return facts;
}

Recorder recorder_with(int operations, int timeouts) {
  Recorder r({2s, 1s});
  r.open_window(kZero);
  for (int i = 0; i < operations; ++i) {
    const Instant at = kZero + i * 10us;
    r.scheduled(at);
    r.released(at, 1us, at + 1us);
    if (i < timeouts) {
      r.unanswered(at, at + 5s);
    } else {
      r.finished(at, Outcome::ok, at + 100us + i * 1us, at + 50us, 100);
    }
  }
  return r;
}

nlohmann::json record_of(const RunFacts& facts) {
  return nlohmann::json::parse(to_json(facts, judge(facts)));
}

TEST(RunRecordJson, FitsTheSchemaAndClosesItsLedger) {
  const Recorder recorder = recorder_with(500, 3);
  RunFacts facts = facts_of(recorder);
  facts.deliveries = DeliveryCounts{};
  facts.publishes = PublishCounts{};
  facts.has_phases = true;
  facts.counts_polls = true;
  facts.use.has_segments = true;
  facts.use.client_cpu_ns = 1000;
  facts.schedule_hash = 0x9f0c;
  const ParsedRun parsed = parse_run(to_json(facts, judge(facts)));
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.run.scheduled, 500u);
  EXPECT_EQ(parsed.run.ok, 497u);
}

TEST(RunRecordJson, TheEmptyRunFitsTheSchemaToo) {
  Recorder recorder({2s, 1s});
  recorder.open_window(kZero);
  const RunFacts facts = facts_of(recorder);
  EXPECT_EQ(parse_run(to_json(facts, judge(facts))).error, "");
}

TEST(RunRecordJson, WhatWasNotMeasuredIsNull) {
  const Recorder recorder = recorder_with(500, 0);
  const auto json = record_of(facts_of(recorder));
  for (const char* name :
       {"arrival", "offered_rate_per_s", "room_size", "poll_interval_ns", "channels_per_connection",
        "schedule_hash", "deliveries", "publishes", "polls", "connect_ns"}) {
    EXPECT_TRUE(json[name].is_null()) << name;
  }
  EXPECT_TRUE(json["wire"]["bytes_up"].is_null());
  EXPECT_TRUE(json["cpu"]["server_ns_per_op"].is_null());
  EXPECT_TRUE(json["memory"]["server_peak_bytes"].is_null());
}

TEST(RunRecordJson, QuantilesNeedOperations) {
  const Recorder few = recorder_with(9'999, 0);
  const auto json = record_of(facts_of(few))["latency_ns"];
  EXPECT_TRUE(json["p99"].is_null());
  EXPECT_TRUE(json["p95"].is_number());
  const Recorder enough = recorder_with(10'000, 0);
  const auto more = record_of(facts_of(enough))["latency_ns"];
  EXPECT_TRUE(more["p99"].is_number());
  EXPECT_TRUE(more["p999"].is_null());
}

TEST(RunRecordJson, CensoredQuantilesAreNamed) {
  const Recorder recorder = recorder_with(1000, 80);
  const auto json = record_of(facts_of(recorder))["latency_ns"];
  EXPECT_EQ(json["lower_bound"], (nlohmann::json{"p95", "max"}));
  EXPECT_EQ(json["p95"], 1'000'000'000);
  EXPECT_EQ(json["count"], 1000);
}

TEST(RunRecordJson, TheHistogramCanBeReadBack) {
  const Recorder recorder = recorder_with(500, 0);
  const auto json = record_of(facts_of(recorder))["latency_ns"]["histogram"];
  std::vector<Histogram::Entry> entries;
  for (const auto& entry : json["counts"]) entries.emplace_back(entry[0], entry[1]);
  Histogram h(json["sub_bucket_bits"].get<unsigned>());
  ASSERT_TRUE(h.import(entries));
  EXPECT_EQ(h.sparse(), recorder.latency().known().sparse());
}

TEST(RunRecordJson, WireBytesAddTheHeadersOfEverySegment) {
  const Recorder recorder = recorder_with(10, 0);
  RunFacts facts = facts_of(recorder);
  facts.use.has_segments = true;
  facts.use.traffic.app_bytes_out = 1000;
  facts.use.traffic.tcp_segments_out = 10;
  EXPECT_EQ(record_of(facts)["wire"]["bytes_up"], 1520);
  facts.use.v6 = true;
  EXPECT_EQ(record_of(facts)["wire"]["bytes_up"], 1720);
}

TEST(RunRecordJson, SecondsAddUpAndEndWhereTheRunDid) {
  Recorder recorder = recorder_with(500, 5);
  recorder.cut_window(kZero + 900ms);
  RunFacts facts = facts_of(recorder);
  facts.complete = false;
  const auto json = record_of(facts);
  ASSERT_EQ(json["seconds"].size(), 1u);
  EXPECT_EQ(json["seconds"][0]["scheduled"], 500);
  EXPECT_EQ(json["seconds"][0]["failed"], 5);
  EXPECT_EQ(json["complete"], false);
  EXPECT_NEAR(json["duration_s"].get<double>(), 0.9, 1e-9);
}

}  // namespace
}  // namespace dragstrip
