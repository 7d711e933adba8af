// SPDX-License-Identifier: Apache-2.0
//
// The `trivet` tool. Exit status: 0 done, 1 refused with the reason on standard
// error, more than 100 unusable arguments.

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "src/cli/ring_command.h"
#include "trivet/config.h"

// NOLINTNEXTLINE(bugprone-exception-escape): out of memory, it may end so.
int main(int argc, char** argv) {
  CLI::App app("trivet: who owns this key, and what moves when a node comes");
  app.set_version_flag("--version", TRIVET_VERSION_STRING);
  app.require_subcommand(1);

  trivet::cli::RingCommand ring;
  CLI::App* ring_command =
      app.add_subcommand("ring", "Show shares, owners of keys, and moves");
  ring_command
      ->add_option("members", ring.members_file,
                   "File of members, a line each: id [weight [zone]]; - is "
                   "standard input")
      ->required();
  ring_command
      ->add_option("--vnodes", ring.options.vnodes_per_weight,
                   "Points per unit of weight")
      ->capture_default_str();
  const auto repeatable = [ring_command](const char* name,
                                         std::vector<std::string>& into,
                                         const char* help) {
    ring_command->add_option(name, into, help)->allow_extra_args(false);
  };
  repeatable("--key", ring.keys, "A key to look up (repeatable)");
  repeatable("--add", ring.added, "A node to add: 'id [weight [zone]]'");
  repeatable("--remove", ring.removed, "A node to remove: 'id'");
  repeatable("--reweight", ring.reweighed, "A node to change: 'id weight'");
  CLI11_PARSE(app, argc, argv);

  absl::Status status = trivet::cli::RunRingCommand(ring, std::cout);
  if (status.ok() && !std::cout.flush()) {
    status = absl::DataLossError("the output could not be written");
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "trivet: %s\n", std::string(status.message()).c_str());
  return 1;
}
