#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flips operators in the sources, one at a time, and looks whether tests fail.

    python3 cmake/ci/mutate.py FOLDER COUNT [SECONDS]

Takes COUNT places of src/{ring,lock,txn}, the same ones as long as the sources
stay, and tries each in a copy of the tree in FOLDER/tree, built in
FOLDER/build: if it compiles, the tests of its room and the simulator must find
it. Begins no other one after SECONDS. Prints what survived, and the rate; the
exit code is 1 below 90 %.

A place whose line ends in "// equivalent: why" is left out.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

ROOMS = ("ring", "lock", "txn")
GOAL = 0.9
SECONDS_MAX = 300  # Of the tests of one mutation: one that hangs is found.

# What stands there, what it becomes. Spaces keep templates, arrows and
# references out.
FLIPS = [
    (r" == ", " != "), (r" != ", " == "),
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "),
    (r" && ", " || "), (r" \|\| ", " && "),
    (r" \+ 1\b", " + 2"), (r" - 1\b", " - 0"),
    (r"\breturn true;", "return false;"), (r"\breturn false;", "return true;"),
    (r"\bif \(!", "if ("), (r"\+= ", "-= "), (r"\+\+(?=[a-z])", "--"),
    (r"\bstd::max\b", "std::min"), (r"\bstd::min\b", "std::max"),
]


def places(root):
    """Every (file, line number, column, length, replacement)."""
    for room in ROOMS:
        folder = os.path.join(root, "src", room)
        for name in sorted(os.listdir(folder)):
            if not name.endswith((".cc", ".h")):
                continue
            path = os.path.join("src", room, name)
            with open(os.path.join(root, path), encoding="utf-8") as file:
                lines = file.read().split("\n")
            for number, line in enumerate(lines):
                code = line.split("//")[0]
                if (not code.strip() or code.lstrip().startswith("#")
                        or "TRIVET_INVARIANT" in code
                        or "TRIVET_MUTANT" in code or "static_assert" in code
                        or "template" in code or "// equivalent:" in line):
                    continue
                for pattern, to in FLIPS:
                    for found in re.finditer(pattern, code):
                        yield path, number, found.start(), found.end(), to


def sample(root, count):
    def order(place):
        path, number, start, _, to = place
        text = f"{path}:{number}:{start}:{to}"
        return hashlib.sha256(text.encode()).digest()
    return sorted(places(root), key=order)[:count]


def run(command, seconds=None):
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=seconds,
                              check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main():
    folder = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2])
    end = time.monotonic() + float(sys.argv[3] if len(sys.argv) > 3 else "inf")
    root = os.getcwd()
    tree = os.path.join(folder, "tree")
    build = os.path.join(folder, "build")
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(root, tree, ignore=shutil.ignore_patterns("build", ".git"))
    if not run(["cmake", "-S", tree, "-B", build, "-G", "Ninja",
                "-DCMAKE_BUILD_TYPE=Debug",
                "-DCMAKE_CXX_FLAGS=-O1 -D_GLIBCXX_ASSERTIONS",
                "-DBUILD_SHARED_LIBS=ON", "-DCMAKE_LINK_DEPENDS_NO_SHARED=ON",
                "-DTRIVET_BUILD_BENCH=OFF", "-DTRIVET_BUILD_CLI=OFF",
                "-DTRIVET_BUILD_EXAMPLES=OFF", "-DTRIVET_INSTALL=OFF"]):
        sys.exit("mutate.py: cannot configure")
    make = ["cmake", "--build", build, "--target"]
    targets = {room: [f"tests/{room}/all", "trivet_sim"] for room in ROOMS}
    if not all(run(make + targets[room]) for room in ROOMS):
        sys.exit("mutate.py: cannot build the tree as it is")

    def passes(room):
        # The room's own tests first: they are quick, and most often enough.
        at = os.path.join(build, "tests", room)
        jobs = str(os.cpu_count() or 1)
        if not run(["ctest", "--test-dir", at, "-j", jobs, "-LE",
                    "slow|mutant", "--stop-on-failure"], SECONDS_MAX):
            return False
        return run([os.path.join(build, "tests", "sim", "trivet_sim"), room,
                    "--seeds", "1-300", "--jobs", jobs], SECONDS_MAX)

    for room in ROOMS:
        if not passes(room):
            sys.exit(f"mutate.py: the tests of {room} fail as it is")
    tried = killed = 0
    for path, number, first, last, to in sample(root, count):
        if time.monotonic() > end:
            break
        file = os.path.join(tree, path)
        with open(file, encoding="utf-8") as source:
            before = source.read()
        lines = before.split("\n")
        lines[number] = lines[number][:first] + to + lines[number][last:]
        with open(file, "w", encoding="utf-8") as source:
            source.write("\n".join(lines))
        room = path.split("/")[1]
        if run(make + targets[room]):
            tried += 1
            if passes(room):
                print(f"survived: {path}:{number + 1}: {lines[number].strip()}",
                      flush=True)
            else:
                killed += 1
        with open(file, "w", encoding="utf-8") as source:
            source.write(before)
    rate = killed / tried if tried else 0
    print(f"{killed} of {tried} killed, {100 * rate:.0f} %")
    sys.exit(rate < GOAL)


main()
