// SPDX-License-Identifier: Apache-2.0

#include "bench/results.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

namespace trivet {
namespace bench {
namespace {

using nlohmann::json;

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

// How much a counter varies that is always zero is no number, for which JSON
// has no word; Google Benchmark writes one that it has not.
std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  static const std::regex no_number(": -?NaN");
  return std::regex_replace(text, no_number, ": null");
}

// What Google Benchmark knows of a row, besides its counters.
bool IsCounter(const std::string& key, const json& value) {
  static const char* const kOwn[] = {
      "family_index", "per_family_instance_index",
      "repetitions",  "repetition_index",
      "threads",      "iterations",
      "real_time",    "cpu_time"};
  return value.is_number() &&
         std::find(std::begin(kOwn), std::end(kOwn), key) == std::end(kOwn);
}

}  // namespace

Value Quotient(Value a, Value b) {
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  return *a / *b;
}

Value Difference(Value a, Value b) {
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  return *a - *b;
}

std::string Results::Read(const std::string& directory,
                          const std::string& program) {
  const std::string path = directory + "/" + program + ".json";
  const json all = json::parse(TextOf(path), nullptr, false);
  if (!all.is_object() || !all.contains("benchmarks")) {
    return path + " is no JSON of Google Benchmark";
  }
  size_t repetitions = 0;
  for (const json& run : all["benchmarks"]) {
    if (run.value("run_type", "") != "iteration") continue;
    const std::string name = run.value("run_name", "");
    static const std::regex pattern("(.*)/nodes:(\\d+)/vnodes:(\\d+)(/.*)?");
    std::smatch match;
    if (!std::regex_match(name, match, pattern)) {
      return path + ": the row '" + name + "' is of no size";
    }
    const RingSize size = {std::stoll(match[2]), std::stoll(match[3])};
    Row& row = series_[program + "/" + match[1].str()][size];
    row.times.push_back(
        run.value(match[4] == "/real_time" ? "real_time" : "cpu_time", 0.0));
    for (const auto& [key, value] : run.items()) {
      if (IsCounter(key, value)) row.counters[key] = value;
    }
    repetitions = std::max(repetitions, row.times.size());
  }
  if (program == "lookup") {
    const json& context = all["context"];
    machine_ = context.value("processor", "") + ", " +
               std::to_string(context.value("num_cpus", 0)) + " processors; " +
               context.value("compiler", "") + ", " +
               context.value("trivet_build_type", "") + "; median of " +
               std::to_string(repetitions);
  }
  return "";
}

const Results::Row* Results::Find(const std::string& series,
                                  const RingSize& size) const {
  const auto rows = series_.find(series);
  if (rows == series_.end()) {
    missing_.insert(series);
    return nullptr;
  }
  const auto row = rows->second.find(size);
  return row == rows->second.end() ? nullptr : &row->second;
}

Value Results::Time(const std::string& series, const RingSize& size) const {
  const Row* const row = Find(series, size);
  if (row == nullptr) return std::nullopt;
  return MedianOf(row->times);
}

Value Results::Counter(const std::string& series, const std::string& counter,
                       const RingSize& size) const {
  const Row* const row = Find(series, size);
  if (row == nullptr) return std::nullopt;
  const auto found = row->counters.find(counter);
  if (found == row->counters.end()) {
    missing_.insert(series + ", counter " + counter);
    return std::nullopt;
  }
  return found->second;
}

std::vector<RingSize> Results::SizesOf(const std::string& series) const {
  const auto rows = series_.find(series);
  std::vector<RingSize> sizes;
  if (rows == series_.end()) {
    missing_.insert(series);
    return sizes;
  }
  for (const auto& entry : rows->second) sizes.push_back(entry.first);
  return sizes;
}

std::string Results::Machine() const { return machine_; }

}  // namespace bench
}  // namespace trivet
