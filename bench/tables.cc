// SPDX-License-Identifier: Apache-2.0

#include "bench/tables.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "bench/results.h"

namespace trivet {
namespace bench {
namespace {

constexpr int64_t kNodes[] = {10, 100, 1000, 10000};

// A table has a row for each size and a column for each of these.
struct Column {
  std::string title;
  std::function<Value(const RingSize&)> value;
};

using Columns = std::vector<Column>;

void PrintHead(const std::string& first, const std::vector<std::string>& titles,
               std::ostream& out) {
  out << "\n| " << first << " |";
  for (const std::string& title : titles) out << " " << title << " |";
  out << "\n|---|";
  for (size_t i = 0; i < titles.size(); ++i) out << "---|";
  out << "\n";
}

void PrintTable(const std::vector<RingSize>& sizes, const Columns& columns,
                std::ostream& out) {
  std::vector<std::string> titles;
  for (const Column& column : columns) titles.push_back(column.title);
  PrintHead("nodes x vnodes", titles, out);
  for (const RingSize& size : sizes) {
    out << "| " << Format(size) << " |";
    for (const Column& column : columns) {
      out << " " << Format(column.value(size)) << " |";
    }
    out << "\n";
  }
}

// The time of a series, as it is or in another unit.
Column TimeOf(const Results& results, const std::string& title,
              const std::string& series, double unit = 1) {
  return {title, [&results, series, unit](const RingSize& size) {
            return Quotient(results.Time(series, size), unit);
          }};
}

void PrintLookups(const Results& results, const std::string& kind,
                  const std::string& title, std::ostream& out) {
  out << "\n### " << title << ", ns\n";
  const std::string end = "/" + kind;
  Columns columns = {TimeOf(results, "trivet", "lookup/trivet" + end)};
  if (kind.rfind("key/", 0) == 0) {
    columns.push_back(TimeOf(results, "in batches", "lookup/batch" + end));
  }
  const std::pair<const char*, const char*> peers[] = {
      {"limit", "limit"},  {"sorted vector", "vector"},
      {"std::map", "map"}, {"Envoy", "envoy"},
      {"gRPC", "grpc"},    {"ketama", "ketama"}};
  for (const auto& [name, series] : peers) {
    columns.push_back(
        TimeOf(results, name, std::string("lookup/") + series + end));
  }
  PrintTable(results.SizesOf("lookup/trivet" + end), columns, out);
}

void PrintYardsticks(const Results& results, std::ostream& out) {
  out << "\n### What is no ring: fresh tokens / fresh keys, ns\n";
  std::vector<std::string> titles;
  for (const int64_t nodes : kNodes) {
    titles.push_back(std::to_string(nodes) + " nodes");
  }
  PrintHead("", titles, out);
  const std::pair<const char*, const char*> rows[] = {
      {"Maglev, 65,537 slots", "maglev"},
      {"jump hash", "jump"},
      {"hash modulo a prime", "modulo"},
      {"rendezvous, to 100 nodes", "rendezvous"}};
  for (const auto& [name, series] : rows) {
    out << "| " << name << " |";
    for (const int64_t nodes : kNodes) {
      const std::string of = std::string("lookup/") + series;
      out << " " << Format(results.Time(of + "/token/fresh", {nodes, 1}))
          << " / " << Format(results.Time(of + "/key/fresh", {nodes, 1}))
          << " |";
    }
    out << "\n";
  }
}

void PrintBuilds(const Results& results, std::ostream& out) {
  out << "\n### To build, ns per point\n";
  const auto per_point = [&](const std::string& title,
                             const std::string& series) -> Column {
    return {title, [&results, series](const RingSize& size) {
              return Quotient(results.Time(series, size),
                              static_cast<double>(size.nodes * size.vnodes));
            }};
  };
  PrintTable(results.SizesOf("change/build_trivet"),
             {per_point("trivet", "change/build_trivet"),
              per_point("push_back and std::sort", "change/build_sort"),
              per_point("std::map", "change/build_map")},
             out);
}

void PrintChanges(const Results& results, std::ostream& out) {
  out << "\n### One node more or less, us\n";
  constexpr double kMicrosecond = 1000;
  const auto column = [&](const std::string& title, const std::string& series) {
    return TimeOf(results, title, "change/" + series, kMicrosecond);
  };
  PrintTable(
      results.SizesOf("change/add"),
      {column("add", "add"), column("remove", "remove"),
       column("trivet anew", "build_trivet"), column("sort anew", "build_sort"),
       column("std::map anew", "build_map")},
      out);
}

void PrintSuccessors(const Results& results, std::ostream& out) {
  out << "\n### Beyond the owner, hot keys, ns\n";
  const auto column = [&](const std::string& title, const std::string& series) {
    return TimeOf(results, title, "successor/" + series);
  };
  PrintTable(results.SizesOf("successor/lookup"),
             {column("Lookup", "lookup"),
              column("PreferenceList of 3", "preference_list"),
              column("PreferZones of 3", "prefer_zones"),
              column("FirstWhere healthy", "first_where"),
              column("BoundedLoad", "bounded_load"),
              column("bounded by name", "bounded_by_name")},
             out);
}

void PrintSnapshots(const Results& results, std::ostream& out) {
  out << "\n### To read the current ring, ns, quiet / while another thread "
         "writes\n";
  const std::vector<RingSize> sizes = results.SizesOf("snapshot/plain/quiet");
  std::vector<std::string> titles;
  for (const RingSize& size : sizes) titles.push_back(Format(size));
  PrintHead("", titles, out);
  const std::pair<const char*, const char*> rows[] = {
      {"a HashRing, never replaced", "plain"},
      {"SharedRing::Reader", "reader"},
      {"std::atomic_load of a shared_ptr", "atomic"},
      {"std::mutex and std::map", "mutex_map"}};
  for (const auto& [name, series] : rows) {
    out << "| " << name << " |";
    const std::string of = std::string("snapshot/") + series;
    for (const RingSize& size : sizes) {
      out << " " << Format(results.Time(of + "/quiet", size)) << " / "
          << Format(results.Time(of + "/busy", size)) << " |";
    }
    out << "\n";
  }
}

void PrintBalance(const Results& results, std::ostream& out) {
  out << "\n### The largest share over the mean\n";
  std::vector<std::string> titles;
  for (const int64_t nodes : kNodes) {
    titles.push_back(std::to_string(nodes) + " nodes");
  }
  PrintHead("", titles, out);
  const auto print = [&](const std::string& name, const std::string& series,
                         int64_t vnodes) {
    out << "| " << name << " |";
    for (const int64_t nodes : kNodes) {
      out << " "
          << Format(results.Counter(series, "max_over_mean", {nodes, vnodes}))
          << " |";
    }
    out << "\n";
  };
  std::vector<int64_t> vnodes;
  for (const RingSize& size : results.SizesOf("balance/trivet")) {
    if (size.nodes == kNodes[0]) vnodes.push_back(size.vnodes);
  }
  for (const int64_t count : vnodes) {
    print("trivet, " + std::to_string(count) + " vnodes", "balance/trivet",
          count);
  }
  print("Maglev, 65,537 slots", "balance/maglev", 1);
}

void PrintMemory(const Results& results, std::ostream& out) {
  out << "\n### Memory, bytes per vnode\n";
  const auto bytes = [&](const std::string& title, const std::string& series,
                         const std::string& counter) -> Column {
    return {title, [&results, series, counter](const RingSize& size) {
              return results.Counter(series, counter, size);
            }};
  };
  Columns columns = {bytes("trivet, hot", "balance/trivet", "hot_per_vnode"),
                     bytes("trivet", "balance/trivet", "bytes_per_vnode")};
  const std::pair<const char*, const char*> peers[] = {
      {"sorted vector", "vector"},
      {"std::map", "map"},
      {"Envoy", "envoy"},
      {"gRPC", "grpc"},
      {"ketama", "ketama"}};
  for (const auto& [name, series] : peers) {
    columns.push_back(bytes(name,
                            std::string("lookup/") + series + "/token/hot",
                            "bytes_per_vnode"));
  }
  PrintTable(results.SizesOf("lookup/trivet/token/hot"), columns, out);
}

// --- Columns for gnuplot -----------------------------------------------------

// `first` and a column for each of `series`; rows in ascending order.
void WriteFile(const std::string& path, const std::string& first,
               const Columns& columns,
               const std::vector<std::pair<double, RingSize>>& rows) {
  std::ofstream out(path);
  out << first;
  for (const Column& column : columns) out << "\t" << column.title;
  out << "\n";
  for (const auto& [x, size] : rows) {
    out << x;
    for (const Column& column : columns) {
      const Value value = column.value(size);
      out << "\t" << (value.has_value() ? std::to_string(*value) : "?");
    }
    out << "\n";
  }
}

}  // namespace

std::string Format(Value value) {
  if (!value.has_value()) return "-";
  char text[32];
  const double size = std::abs(*value);
  const int digits = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  std::snprintf(text, sizeof(text), "%.*f", digits, *value);
  return text;
}

std::string Format(const RingSize& size) {
  return std::to_string(size.nodes) + "x" + std::to_string(size.vnodes);
}

void PrintTables(const Results& results, std::ostream& out) {
  PrintLookups(results, "token/hot", "Lookup without hashing, hot tokens", out);
  PrintLookups(results, "token/fresh", "Lookup without hashing, fresh tokens",
               out);
  PrintLookups(results, "key/hot", "Lookup with hashing, hot keys", out);
  PrintLookups(results, "key/fresh", "Lookup with hashing, fresh keys", out);
  PrintYardsticks(results, out);
  PrintBuilds(results, out);
  PrintChanges(results, out);
  PrintSuccessors(results, out);
  PrintSnapshots(results, out);
  PrintBalance(results, out);
  PrintMemory(results, out);
}

void WriteColumns(const Results& results, const std::string& directory) {
  // Time against the number of points, whatever nodes they belong to.
  Columns lookups;
  for (const char* name :
       {"trivet", "limit", "vector", "map", "envoy", "grpc", "ketama"}) {
    lookups.push_back(
        TimeOf(results, name, std::string("lookup/") + name + "/token/fresh"));
  }
  std::vector<std::pair<double, RingSize>> rows;
  for (const RingSize& size : results.SizesOf("lookup/trivet/token/fresh")) {
    rows.emplace_back(static_cast<double>(size.nodes * size.vnodes), size);
  }
  std::sort(rows.begin(), rows.end());
  WriteFile(directory + "/lookup.tsv", "points", lookups, rows);

  constexpr double kMicrosecond = 1000;
  Columns changes;
  for (const char* name :
       {"add", "remove", "build_trivet", "build_sort", "build_map"}) {
    changes.push_back(
        TimeOf(results, name, std::string("change/") + name, kMicrosecond));
  }
  rows.clear();
  for (const RingSize& size : results.SizesOf("change/add")) {
    if (size.vnodes == 160) {
      rows.emplace_back(static_cast<double>(size.nodes), size);
    }
  }
  WriteFile(directory + "/change.tsv", "nodes", changes, rows);

  // Memory of a node, and the overload of the largest in percent.
  rows.clear();
  for (const RingSize& size : results.SizesOf("balance/trivet")) {
    if (size.nodes == kNodes[0]) {
      rows.emplace_back(static_cast<double>(size.vnodes), size);
    }
  }
  Columns balance;
  for (const int64_t nodes : kNodes) {
    balance.push_back(
        {std::to_string(nodes), [&results, nodes](const RingSize& size) {
           return Difference(results.Counter("balance/trivet", "max_over_mean",
                                             {nodes, size.vnodes}),
                             1);
         }});
  }
  WriteFile(directory + "/balance.tsv", "vnodes", balance, rows);
}

}  // namespace bench
}  // namespace trivet
