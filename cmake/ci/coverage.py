#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says which lines of the core the tests do not reach, and which conditions
are always true or always false there.

    python3 cmake/ci/coverage.py BUILD

BUILD was made with coverage.cmake, and its tests have run. What only a planted
bug, a broken invariant or the compiler reaches does not count, nor the way past
all cases of a switch. A gap that cannot be closed stands in coverage_gaps.txt,
with the reason. Prints the others, as "file:line: what: its text", and the
rates; the exit code is 1 if there are any.
"""

import collections
import glob
import json
import os
import subprocess
import sys

CORE = ("include/trivet", "src/internal", "src/lock", "src/ring", "src/txn")
NOT_CORE = ("include/trivet/testing", "src/internal/child_process")
REASONS = "cmake/ci/coverage_gaps.txt"

# Statements, with their blocks, that only a planted bug, a broken invariant or
# the compiler reaches.
EXEMPT = ("TRIVET_MUTANT(", "TRIVET_INVARIANT(", "constexpr std::array<")


def is_core(name):
    return name.startswith(CORE) and not name.startswith(NOT_CORE)


def export(build, form):
    """What llvm-cov knows, in its form "text" (JSON) or "lcov"."""
    profile = os.path.join(build, "all.profdata")
    programs = sorted(
        path for path in glob.glob(os.path.join(build, "tests/**"),
                                   recursive=True)
        if os.path.isfile(path) and os.access(path, os.X_OK)
        and path.endswith(("_test", "/trivet_sim"))
        and not path.endswith("_mutant_test"))
    objects = [word for path in programs[1:] for word in ("-object", path)]
    return subprocess.run(
        ["llvm-cov", "export", "-format", form, "-instr-profile", profile,
         programs[0], *objects],
        check=True, stdout=subprocess.PIPE, text=True).stdout


def line_counts(build, files):
    """{(file, line): how often it ran}."""
    counts = {}
    for line in export(build, "lcov").split("\n"):
        kind, _, rest = line.partition(":")
        if kind == "SF":
            name = os.path.relpath(rest)
        elif kind == "DA" and is_core(name):
            number, count = rest.split(",")[:2]
            counts[name, int(number)] = int(count)
    # The line behind a block that may return has count 0 there, as if it were
    # the gap in which it begins, and not what goes on behind that.
    for file in files:
        name = os.path.relpath(file["filename"])
        in_gap = False
        for line, _, count, is_counted, _, is_gap in file["segments"]:
            if in_gap and is_counted and (name, line) in counts:
                counts[name, line] = max(counts[name, line], count)
            in_gap = is_gap
    return counts


def condition_counts(functions):
    """{(file, line, column): [how often true, how often false]}: of a template
    all instances together."""
    counts = collections.defaultdict(lambda: [0, 0])
    for function in functions:
        names = [os.path.relpath(name) for name in function["filenames"]]
        for branch in function["branches"]:
            name = names[branch[6]]
            if is_core(name):
                both = counts[name, branch[0], branch[1]]
                both[0] += branch[4]
                both[1] += branch[5]
    return counts


class Source:
    """A file's lines, and which of them the tests need not reach."""

    def __init__(self, name):
        with open(name, encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        self.exempt = set()
        begin = 0  # Of the statement.
        until = None  # The indentation at which an exempt block ends.
        for number, line in enumerate(self.lines, 1):
            code = line.split(" // ")[0].rstrip()
            indent = len(line) - len(line.lstrip())
            if until is not None:
                self.exempt.add(number)
                if code.startswith("}", until) and indent == until:
                    until = None
                begin = number
                continue
            if not code.endswith((";", "{", "}", ":")):
                continue
            statement = "\n".join(self.lines[begin:number])
            if any(word in statement for word in EXEMPT):
                self.exempt.update(range(begin + 1, number + 1))
                first = self.lines[begin]
                if code.endswith("{"):
                    until = len(first) - len(first.lstrip())
            begin = number


def main():
    build = sys.argv[1]
    raw = glob.glob(os.path.join(build, "raw", "*.profraw"))
    subprocess.run(["llvm-profdata", "merge", "-sparse", *raw, "-o",
                    os.path.join(build, "all.profdata")], check=True)
    with open(REASONS, encoding="utf-8") as file:
        known = {tuple(line.rstrip("\n").split(": ", 1)) for line in file
                 if line.strip() and not line.startswith("#")}
    sources = {}
    tried = collections.Counter()
    reached = collections.Counter()
    gaps = []
    used = set()

    def look(kind, name, number, is_reached, what):
        source = sources.setdefault(name, Source(name))
        text = source.lines[number - 1].strip()
        if number in source.exempt or (kind == "way" and "switch (" in text):
            return
        tried[kind] += 1
        reached[kind] += is_reached
        if is_reached:
            return
        if (name, text) in known:
            used.add((name, text))
        else:
            gaps.append((name, number, f"{what}: {text}"))

    data = json.loads(export(build, "text"))["data"][0]
    for (name, number), count in line_counts(build, data["files"]).items():
        look("line", name, number, count > 0, "not reached")
    for (name, number, _), (true, false) in condition_counts(
            data["functions"]).items():
        if true or false:  # Otherwise a constant, or in a line not reached.
            look("way", name, number, true > 0, "never true")
            look("way", name, number, false > 0, "never false")
    for name, number, what in sorted(gaps):
        print(f"{name}:{number}: {what}")
    for name, text in sorted(known - used):
        print(f"{REASONS}: is reached now, or gone: {name}: {text}")
    print(f"{100 * reached['line'] / tried['line']:.2f} % of lines, "
          f"{100 * reached['way'] / tried['way']:.2f} % of branches, "
          f"{len(gaps)} gaps without a reason")
    sys.exit(bool(gaps) or known != used)


main()
