// SPDX-License-Identifier: Apache-2.0
//
// Placement::kTrivet is a wire format: tests/golden/placement_v1.tsv says what
// it is. A difference is not a new golden file but a broken promise; only the
// first writing, and additions, are made by
//
//   TRIVET_REWRITE_GOLDEN=1 ctest -R RingGolden

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
namespace {

// The tests run in the root of the sources.
constexpr char kFile[] = "tests/golden/placement_v1.tsv";

constexpr char kHeader[] =
    "# SPDX-License-Identifier: Apache-2.0\n"
    "# Placement::kTrivet, version 1, as src/ring/DESIGN.md defines it.\n"
    "# Secrets, ids, zones and keys are bytes in hexadecimal ('-': none);\n"
    "# numbers are decimal. Columns, separated by tabs:\n"
    "#   key      secret  key  its token\n"
    "#   ring     secret  vnodes_per_weight  fingerprint; what follows is its\n"
    "#   node     index  id  weight  zone\n"
    "#   point    token  index of its owner    (every point, ascending)\n"
    "#   prefer   key  indexes of its preference list, its owner first\n"
    "#   zones    key  the same, spread over zones\n";

std::string Hex(std::string_view bytes) {
  if (bytes.empty()) return "-";
  return absl::BytesToHexString(std::string(bytes));
}

std::string Indexes(const HashRing& ring,
                    absl::Span<const RingNode* const> list) {
  std::string all;
  for (const RingNode* node : list)
    absl::StrAppend(&all, all.empty() ? "" : " ", node - &ring.nodes()[0]);
  return all;
}

// Keys of all the lengths between which XXH3 changes its method.
std::vector<std::string> Keys() {
  std::vector<std::string> keys = {"", "user:42", std::string(1, '\0'),
                                   "\xff\xfe\xfd"};
  for (const size_t size :
       std::vector<size_t>{4, 8, 9, 16, 17, 128, 129, 240, 241, 1025}) {
    std::string key;
    for (size_t i = 0; i < size; ++i)
      key.push_back(static_cast<char>(i * 131 + size));
    keys.push_back(key);
  }
  return keys;
}

const std::vector<std::string>& Secrets() {
  static const auto& secrets = *new std::vector<std::string>{
      "", "s", "0123456789abcdef", std::string(300, '\xa5')};
  return secrets;
}

void WriteRing(const std::vector<RingNode>& nodes,
               const HashRingOptions& options, std::string* out) {
  const HashRing ring = MustBuild(nodes, options);
  absl::StrAppend(out, "ring\t", Hex(options.secret), "\t",
                  options.vnodes_per_weight, "\t", ring.Fingerprint(), "\n");
  for (size_t i = 0; i < ring.nodes().size(); ++i)
    absl::StrAppend(out, "node\t", i, "\t", Hex(ring.nodes()[i].id), "\t",
                    ring.nodes()[i].weight, "\t", Hex(ring.nodes()[i].zone),
                    "\n");
  for (const Token token : ModelRing(nodes, options).Tokens())
    absl::StrAppend(out, "point\t", token, "\t",
                    Indexes(ring, {&ring.LookupToken(token)}), "\n");
  for (const std::string_view key : {"", "user:42", "user:43", "cart/7"}) {
    std::vector<const RingNode*> into(nodes.size());
    const absl::Span<const RingNode*> room = absl::MakeSpan(into);
    ASSERT_EQ(ring.PreferenceList(key, room)[0], &ring.Lookup(key));
    absl::StrAppend(out, "prefer\t", Hex(key), "\t",
                    Indexes(ring, ring.PreferenceList(key, room)), "\n");
    absl::StrAppend(out, "zones\t", Hex(key), "\t",
                    Indexes(ring, ring.PreferZones(key, room)), "\n");
  }
}

std::string Produced() {
  std::string out = kHeader;
  for (const std::string& secret : Secrets()) {
    HashRingOptions options;
    options.secret = secret;
    const HashRing ring = MustBuild({{"a", 1, ""}}, options);
    for (const std::string& key : Keys())
      absl::StrAppend(&out, "key\t", Hex(secret), "\t", Hex(key), "\t",
                      ring.TokenOf(key), "\n");
  }
  const std::vector<RingNode> nodes = {
      {"cache-1", 1, "east"},
      {"cache-2", 2, "east"},
      {"cache-3", 1, "west"},
      {std::string("\0\xff", 2), 3, ""},
      {std::string(255, 'n'), 1, "west"},
  };
  for (const std::string& secret : Secrets()) {
    HashRingOptions options = Vnodes(4);
    options.secret = secret;
    WriteRing(nodes, options, &out);
  }
  WriteRing({{"alone", 1, ""}}, Vnodes(1), &out);
  return out;
}

TEST(RingGolden, PlacementV1IsWhatItWas) {
  const std::string produced = Produced();
  if (std::getenv("TRIVET_REWRITE_GOLDEN") != nullptr) {
    std::ofstream(kFile, std::ios::binary) << produced;
    GTEST_FAIL() << kFile << " was rewritten: read it as a diff";
  }
  std::ifstream file(kFile, std::ios::binary);
  ASSERT_TRUE(file.good()) << kFile;
  std::stringstream golden;
  golden << file.rdbuf();
  std::string line_produced;
  std::string line_golden;
  std::stringstream lines(produced);
  int number = 0;
  while (std::getline(golden, line_golden)) {
    ++number;
    ASSERT_TRUE(std::getline(lines, line_produced)) << kFile << ":" << number;
    ASSERT_EQ(line_produced, line_golden) << kFile << ":" << number;
  }
  EXPECT_FALSE(std::getline(lines, line_produced)) << "more than " << number;
}

// One number for all that a ring of some size answers. It was computed once;
// every compiler and every level of optimisation that the tests are built with
// has to find it again.
TEST(RingGolden, EveryCompilerBuildsTheSameLargeRing) {
  HashRing::Builder builder;
  for (uint32_t i = 0; i < 500; ++i)
    builder.Add(absl::StrCat("node-", i), 1 + i % 4, absl::StrCat(i % 7));
  const HashRing ring = MustBuild(builder);
  ASSERT_EQ(ring.vnode_count(), 200000u);
  uint64_t digest = ring.Fingerprint();
  const auto fold = [&digest](uint64_t word) {  // FNV-1a, by words.
    digest = (digest ^ word) * 0x100000001b3;
  };
  std::vector<const RingNode*> into(5);
  for (int i = 0; i < 20000; ++i) {
    const std::string key = absl::StrCat("user:", i);
    fold(ring.LookupIndex(key));
    for (const RingNode* node : ring.PreferZones(key, absl::MakeSpan(into)))
      fold(static_cast<uint64_t>(node - ring.nodes().data()));
  }
  for (const double share : ring.Shares())
    fold(static_cast<uint64_t>(std::ldexp(share, 62)));
  EXPECT_EQ(digest, 7761264575697231327u);
}

}  // namespace
}  // namespace trivet
