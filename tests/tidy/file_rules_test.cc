// SPDX-License-Identifier: Apache-2.0
//
// Each rule for one file, tried on a planted violation and on text that looks
// like one and is none.

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/outline.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source.h"

namespace trivet {
namespace tidy {
namespace {

constexpr std::string_view kLicense =
    "// SPDX-License-Identifier: Apache-2.0\n";

std::string Repeat(std::string_view line, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += line;
  return text;
}

struct Planted {
  std::string_view rule;
  std::string path;
  std::string text;
  std::string complaint;  // Part of it; empty: none is expected.
};

const Planted kPlanted[] = {
    // Sizes.
    {"FilesAndFunctionsAreShort", "include/trivet/ring/a.h",
     Repeat("//\n", 201), "201 lines; the limit is 200"},
    {"FilesAndFunctionsAreShort", "include/trivet/ring/a.h",
     Repeat("//\n", 200), ""},
    {"FilesAndFunctionsAreShort", "src/ring/a.cc", Repeat("//\n", 601),
     "the limit is 600"},
    {"FilesAndFunctionsAreShort", "src/ring/a.cc", Repeat("//\n", 600), ""},
    {"FilesAndFunctionsAreShort", "src/ring/a.cc",
     "A::A(int b)\n    : b_{b} {\n" + Repeat("  ;\n", 68) + "}\n",
     "'A::A(int b) : b_' has 71 lines"},
    {"FilesAndFunctionsAreShort", "src/ring/a.cc",
     "A::A(int b)\n    : b_{b} {\n" + Repeat("  ;\n", 67) + "}\n", ""},
    {"FilesAndFunctionsAreShort", "src/ring/a.cc",
     "const int kTable[] = {\n" + Repeat("  1,\n", 100) + "};\n", ""},

    // Includes.
    {"RoomsEnterOnlyWhomTheyMay", "src/ring/a.cc",
     "#include \"trivet/host/executor.h\"\n", "may not enter"},
    {"RoomsEnterOnlyWhomTheyMay", "src/lock/a.cc", "#include \"src/txn/b.h\"\n",
     "lock may not enter"},
    {"RoomsEnterOnlyWhomTheyMay", "src/txn/a.cc",
     "#include \"trivet/adapters/file/file_log.h\"\n", "may not enter"},
    {"RoomsEnterOnlyWhomTheyMay", "src/txn/a.cc",
     "#include \"trivet/testing/simulation.h\"\n", "may not enter"},
    {"RoomsEnterOnlyWhomTheyMay", "src/txn/a.cc", "#include <sqlite3.h>\n",
     "abseil and the standard library only"},
    {"RoomsEnterOnlyWhomTheyMay", "src/txn/a.cc", "#include \"a.h\"\n",
     "abseil and the standard library only"},
    {"RoomsEnterOnlyWhomTheyMay", "src/txn/a.cc",
     "#include \"tests/support/fake.h\"\n", "does not know its tests"},
    {"RoomsEnterOnlyWhomTheyMay", "src/txn/a.cc",
     "#include <trivet/txn/resource.h>\n", "stand in quotes"},
    {"RoomsEnterOnlyWhomTheyMay", "include/trivet/txn/a.h",
     "#include \"src/internal/pump.h\"\n", "no private one"},
    {"RoomsEnterOnlyWhomTheyMay", "src/adapters/memory/a.cc",
     "#include \"trivet/lock/lock_client.h\"\n", "may not enter"},
    {"RoomsEnterOnlyWhomTheyMay", "include/trivet/testing/simulation.h",
     "#include <gtest/gtest.h>\n", "abseil and the standard library only"},
    {"RoomsEnterOnlyWhomTheyMay", "examples/01_ring/main.cc",
     "#include \"src/internal/strings.h\"\n", "what a stranger sees"},
    {"RoomsEnterOnlyWhomTheyMay", "src/lock/a.cc",
     "#include <map>\n#include \"absl/status/status.h\"\n"
     "#include \"src/internal/pump.h\"\n#include \"src/lock/b.h\"\n"
     "#include \"trivet/config.h\"\n#include \"trivet/host/executor.h\"\n"
     "// #include \"trivet/txn/resource.h\"\n",
     ""},
    {"RoomsEnterOnlyWhomTheyMay", "src/adapters/memory/a.cc",
     "#include <unistd.h>\n#include \"trivet/lock/lock_backend.h\"\n", ""},
    {"RoomsEnterOnlyWhomTheyMay", "src/ring/token.cc",
     "#include \"xxhash.h\"\n", ""},

    // Machines.
    {"MachinesArePure", "src/txn/coordinator_machine.cc",
     "#include \"trivet/host/executor.h\"\n", "a machine is pure"},
    {"MachinesArePure", "src/txn/coordinator_machine.cc", "#include <mutex>\n",
     "a machine is pure"},
    {"MachinesArePure", "include/trivet/lock/lease_machine.h",
     "virtual void F();\n", "'virtual'"},
    {"MachinesArePure", "src/lock/lease_machine.cc",
     "absl::MutexLock lock(&mu_); absl::Mutex mu_;\n", "'absl::Mutex'"},
    {"MachinesArePure", "src/lock/lease_machine.cc",
     "// virtual, Executor\nvoid F(const char* = \"virtual\");\n", ""},
    {"MachinesArePure", "src/lock/lock_client.cc",
     "#include \"trivet/host/executor.h\"\n", ""},

    // Words.
    {"ForbiddenWordsAreAbsent", "src/lock/a.cc", "throw 1;\n", "'throw'"},
    {"ForbiddenWordsAreAbsent", "src/lock/a.cc", "std::cout << 1;\n",
     "'std::cout'"},
    {"ForbiddenWordsAreAbsent", "src/lock/a.cc", "usleep(1);\n", "'usleep("},
    {"ForbiddenWordsAreAbsent", "src/lock/a.cc",
     "std::this_thread::sleep_for(d);\n", "'sleep_for("},
    {"ForbiddenWordsAreAbsent", "src/lock/a.cc", "absl::SleepFor(d);\n",
     "'SleepFor'"},
    {"ForbiddenWordsAreAbsent", "src/lock/a.cc", "absl::Now();\n",
     "'absl::Now'"},
    {"ForbiddenWordsAreAbsent", "src/lock/a.cc", "time(nullptr);\n",
     "'time(nullptr)'"},
    {"ForbiddenWordsAreAbsent", "include/trivet/lock/a.h",
     std::string("// TO") + "DO: more\n", "finish it"},
    {"ForbiddenWordsAreAbsent", "src/lock/a.cc",
     "// We never throw, nor absl::Now().\nF(\"throw\"); asleep(1);\n", ""},
    {"ForbiddenWordsAreAbsent", "tests/lock/a.cc", "throw 1;\n", ""},

    // Vocabulary.
    {"PublicHeadersSpeakStdVocabulary", "include/trivet/lock/a.h",
     "void F(absl::string_view);\n", "'absl::string_view'"},
    {"PublicHeadersSpeakStdVocabulary", "include/trivet/lock/a.h",
     "absl::optional<int> a;\n", "'absl::optional'"},
    {"PublicHeadersSpeakStdVocabulary", "include/trivet/lock/a.h",
     "std::optional<int> a;  // Not "
     "absl::optional.\nabsl::AnyInvocable<int()> "
     "b;\n",
     ""},
    {"PublicHeadersSpeakStdVocabulary", "src/internal/strings.h",
     "absl::string_view a;\n", ""},

    // Openings.
    {"FilesOpenWithLicenseAndPurpose", "src/lock/a.cc", "int a;\n",
     "begins with"},
    {"FilesOpenWithLicenseAndPurpose", "src/lock/CMakeLists.txt",
     "project(a)\n", "begins with '# SPDX"},
    {"FilesOpenWithLicenseAndPurpose", "cmake/dev.sh", "#!/bin/sh\nset -e\n",
     "begins with '# SPDX"},
    {"FilesOpenWithLicenseAndPurpose", "cmake/dev.sh",
     "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n", ""},
    {"FilesOpenWithLicenseAndPurpose", "include/trivet/lock/a.h",
     std::string(kLicense) + "\n#ifndef TRIVET_LOCK_A_H_\n#define "
                             "TRIVET_LOCK_A_H_\n",
     "opens with what it is"},
    {"FilesOpenWithLicenseAndPurpose", "include/trivet/lock/a.h",
     std::string(kLicense) + "//\n// An a.\n#ifndef A_H_\n#define A_H_\n",
     "its guard is TRIVET_LOCK_A_H_"},
    {"FilesOpenWithLicenseAndPurpose", "src/internal/a.h",
     std::string(kLicense) +
         "//\n// An a.\n\n#ifndef TRIVET_SRC_INTERNAL_A_H_\n"
         "#define TRIVET_SRC_INTERNAL_A_H_\n",
     ""},

    // ASCII.
    {"HeadersAreAscii", "src/lock/a.h", "// 1 \xc2\xb5s\n", "not ASCII"},
    {"HeadersAreAscii", "src/lock/a.h", "// 1 us\n", ""},

    // Exports.
    {"WhatIsLinkedIsExported", "include/trivet/lock/a.h",
     "namespace trivet {\nint F(int a = G());\n}\n",
     "'int F(int a = G())' lacks TRIVET_EXPORT"},
    {"WhatIsLinkedIsExported", "include/trivet/lock/a.h",
     "class A {\n public:\n  explicit A(B b = {});\n};\n",
     "'class A' lacks TRIVET_EXPORT"},
    {"WhatIsLinkedIsExported", "include/trivet/lock/a.h",
     "class TRIVET_EXPORT A {\n  friend A operator+(A, A);\n};\n",
     "'friend A operator+(A, A)' lacks"},
    {"WhatIsLinkedIsExported", "include/trivet/lock/a.h",
     "TRIVET_EXPORT int F();\ninline int G() { return 1; }\n"
     "template <typename T>\nint H(T);\n"
     "struct A {\n  int a = 0;\n  bool B() const { return a > 0; }\n"
     "  friend bool operator==(A, A) { return true; }\n};\n"
     "class TRIVET_EXPORT B {\n public:\n  class C {\n    void F();\n  };\n"
     "  B(const B&) = delete;\n  void G();\n};\n"
     "using D = int();\nclass E;\nenum class Kind { kA, kB };\n",
     ""},

    // Paths.
    {"NoPathOfOneMachineIsNamed", "README.md",
     std::string("see /wo") + "rk/main\n", "a path of one machine"},
    {"NoPathOfOneMachineIsNamed", "cmake/dev.sh",
     std::string("cd '/t") + "mp/x'\n", "a path of one machine"},
    {"NoPathOfOneMachineIsNamed", "README.md", "see $dir/home/x, net/work/\n",
     ""},

    // Sleeps.
    {"TestsDoNotSleep", "tests/lock/a_test.cc",
     "std::this_thread::sleep_for(d);\n", "virtual time"},
    {"TestsDoNotSleep", "tests/lock/a_test.cc", "absl::SleepFor(d);\n",
     "virtual time"},
    {"TestsDoNotSleep", "tests/support/real_time.cc", "absl::SleepFor(d);\n",
     ""},
    {"TestsDoNotSleep", "tests/lock/a_test.cc",
     "// no sleep_for(1)\nDoesNotSleep();\n", ""},
};

TEST(FileRulesTest, FindViolationsWhereTheyArePlantedAndOnlyThere) {
  for (const Planted& planted : kPlanted) {
    SCOPED_TRACE(planted.path + ":\n" + planted.text);
    Violations violations;
    for (const FileRule& rule : FileRules()) {
      if (rule.name != planted.rule) continue;
      violations = rule.check(Source(planted.path, planted.text));
    }
    const std::string said = ToString(violations);
    if (planted.complaint.empty()) {
      EXPECT_EQ(said, "");
    } else {
      EXPECT_NE(said.find(planted.complaint), std::string::npos)
          << "expected: " << planted.complaint << "\nsaid: " << said;
    }
  }
}

TEST(FileRulesTest, EveryRuleIsShownAbleToFailAndToHold) {
  for (const FileRule& rule : FileRules()) {
    std::set<bool> complains;
    for (const Planted& planted : kPlanted) {
      if (planted.rule == rule.name) {
        complains.insert(!planted.complaint.empty());
      }
    }
    EXPECT_EQ(complains.size(), 2u) << rule.name;
  }
}

TEST(SourceTest, BlanksCommentsAndLiteralsAndNothingElse) {
  EXPECT_EQ(BlankCommentsAndLiterals("a; // b\nc /* d\n */ e"),
            "a;     \nc     \n    e");
  EXPECT_EQ(BlankCommentsAndLiterals("f(\"a\\\"b\", 'c', '\\'', 1'000)"),
            "f(      ,    ,     , 1'000)");
  EXPECT_EQ(BlankCommentsAndLiterals("x = R\"a(\" // )b\" )a\"; y"),
            "x =                 ; y");
}

TEST(OutlineTest, SeesFunctionsClassesAndDeclarations) {
  const std::vector<OutlineItem> items = OutlineOf(
      "#define A(x) \\\n  { x\n"
      "namespace a {\nint F(B b = {}) {\n  if (b) {\n  }\n}\n"
      "class C : public D {\n public:\n  C() : e_{1}, f_(2) {}\n  void G();\n"
      "};\n}\n");
  std::vector<std::string> seen;
  for (const OutlineItem& item : items) {
    seen.push_back(std::to_string(item.kind) + " " + item.head + " " +
                   std::to_string(item.line) + "-" +
                   std::to_string(item.last_line) + " " +
                   std::to_string(item.class_depth));
  }
  const std::vector<std::string> expected = {
      "0 namespace a 3-3 0", "2 int F(B b = ) 4-7 0",
      "1 class C : public D 8-8 0", "2 C() : e_, f_(2) 10-10 1",
      "3 void G() 11-11 1"};
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace tidy
}  // namespace trivet
