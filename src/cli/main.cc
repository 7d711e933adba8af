// SPDX-License-Identifier: Apache-2.0
//
// The `trivet` tool. Exit status: 0 done, 1 refused with the reason on standard
// error, more than 100 unusable arguments.

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "src/cli/ring_command.h"
#include "src/cli/ring_options.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

constexpr char kFooter[] = R"(
Members, a line each ('#' before a word begins a comment):
  cache-1
  cache-2 2 east
or JSON, if the file begins with '[' or '{': a list of nodes, or an object with
such a list and the options of the ring:
  [{"id": "cache-1"}, {"id": "cache-2", "weight": 2, "zone": "east"}]
  {"vnodes_per_weight": 160, "placement": "trivet", "nodes": [...]}

Without keys: each node's share of the circle, that share by the fair one (in
proportion to the weight), the largest and the smallest of these (max/mean,
min/mean), and what the change moves from whom to whom. A change is made in one
go: removed, then added, then reweighed.
With keys: 'KEY -> NODE...', one line for each, and for a change also
'=> NODE...', who has it then. Keys are any bytes but the end of a line, LF or
CRLF. Words that are no plain text are shown in quotes, with \xHH for a byte.

--json prints one document, without keys and with:
  {"ring": {"placement", "vnodes_per_weight", "ring_size_min",
            "ring_size_max", "points", "fingerprint", "max_over_mean",
            "min_over_mean",
            "nodes": [{"id", "weight", "zone", "share", "of_fair"}]},
   "after": as "ring", "moves": {"replicas", "share", "arcs",
            "pairs": [{"from", "to", "share", "arcs"}],
            "transfers": [{"after", "through", "from", "to"}]}}
  {"fingerprint", "fingerprint_after",
   "keys": [{"key", "nodes": [id], "nodes_after": [id]}]}
What is about a change is there if there is one, "transfers" with --arcs. A
share is a part of 1; that of "moves" counts a key for every copy. Tokens and
fingerprints are strings of 16 hexadecimal digits; an arc goes from behind
"after" to "through" and may pass zero. A text that is not UTF-8 is {"hex"}.

Exit status: 0 done, 1 refused with the reason, above 100 unusable arguments.)";

using Strings = std::vector<std::string>;

// Takes a whole number; what is none is an unusable argument.
template <typename Use>
CLI::Option* AddNumber(CLI::App* app, const std::string& name,
                       const std::string& help, uint32_t shown, Use use) {
  const auto take = [use](const Strings& texts) {
    const std::optional<uint32_t> number = NumberOf(texts.back());
    if (number.has_value()) use(*number);
    return number.has_value();
  };
  return app->add_option(name, take, help)
      ->type_name("N")
      ->default_str(std::to_string(shown));
}

CLI::Option* AddRepeatable(CLI::App* app, const char* name, Strings& into,
                           const char* help) {
  return app->add_option(name, into, help)->allow_extra_args(false);
}

void AddInputs(CLI::App* app, RingCommand* ring) {
  app->add_option("members", ring->members_file,
                  "File of members; - is standard input")
      ->required();
  for (const NumberOption& option : kNumberOptions) {
    const uint32_t shown = HashRingOptions().*option.member;
    AddNumber(app, option.flag, option.help, shown,
              [ring, &option](uint32_t n) {
                ring->numbers.emplace_back(option.member, n);
              });
  }
  app->add_option("--placement", ring->placement, "How points are placed")
      ->check(CLI::IsMember(PlacementNames()));
  app->add_option("--secret-file", ring->secret_file,
                  "The secret of the ring: all bytes of this file");
}

void AddQuestions(CLI::App* app, RingCommand* ring) {
  AddRepeatable(app, "--remove", ring->removed, "A node to remove: 'id'");
  AddRepeatable(app, "--add", ring->added,
                "A node to add: 'id [weight [zone]]'");
  AddRepeatable(app, "--reweight", ring->reweighed,
                "A node to change: 'id weight'");
  CLI::Option* key =
      AddRepeatable(app, "--key", ring->keys, "A key to look up");
  CLI::Option* keys = app->add_option("--keys", ring->keys_file,
                                      "File of keys to look up, a line each");
  AddNumber(app, "--replicas", "Nodes to a key", ring->replicas,
            [ring](uint32_t n) { ring->replicas = n; });
  app->add_flag("--zones", ring->zones, "Spread the nodes of a key over zones");
  CLI::Option* arcs =
      app->add_flag("--arcs", ring->arcs, "List every arc that moves");
  CLI::Option* json = app->add_flag_callback(
      "--json", [ring] { ring->format = RingCommand::kJson; },
      "Print one JSON document");
  app->add_flag_callback(
         "--svg", [ring] { ring->format = RingCommand::kSvg; },
         "Print a picture")
      ->excludes(json)
      ->excludes(key)
      ->excludes(keys)
      ->excludes(arcs);
}

// What each option alone does not tell; empty if the command makes sense.
std::string Contradiction(const RingCommand& ring) {
  const bool no_keys = ring.keys.empty() && ring.keys_file.empty();
  const bool no_change =
      ring.removed.empty() && ring.added.empty() && ring.reweighed.empty();
  if (ring.zones && no_keys) return "--zones needs --key or --keys";
  if (ring.arcs && no_change)
    return "--arcs needs --add, --remove or --reweight";
  if (ring.arcs && !no_keys) return "--arcs excludes --key and --keys";
  const int from_stdin = (ring.members_file == "-") + (ring.keys_file == "-") +
                         (ring.secret_file == "-");
  if (from_stdin > 1)
    return "only one of members, --keys and --secret-file can be -, standard "
           "input";
  return "";
}

int Run(int argc, char** argv) {
  CLI::App app("trivet: who owns this key, and what moves when a node comes");
  app.set_version_flag("--version", TRIVET_VERSION_STRING);
  app.require_subcommand(1);
  RingCommand ring;
  CLI::App* ring_command =
      app.add_subcommand("ring", "Show shares, owners of keys, and moves");
  AddInputs(ring_command, &ring);
  AddQuestions(ring_command, &ring);
  ring_command->footer(kFooter);
  CLI11_PARSE(app, argc, argv);
  if (const std::string why = Contradiction(ring); !why.empty())
    return app.exit(CLI::ValidationError(why));

  absl::Status status = RunRingCommand(ring, std::cout);
  if (!std::cout.flush())
    status = absl::DataLossError("the output could not be written");
  if (status.ok()) return 0;
  std::fprintf(stderr, "trivet: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

// NOLINTNEXTLINE(bugprone-exception-escape): out of memory, it may end so.
int main(int argc, char** argv) {
  // Whoever reads us may stop when they have enough: `| head` is no error.
  std::signal(SIGPIPE, SIG_DFL);
  // Reading keys from standard input flushes the answers when it would wait.
  std::ios::sync_with_stdio(false);
  return trivet::cli::Run(argc, argv);
}
