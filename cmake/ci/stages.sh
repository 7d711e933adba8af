# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What is slow, in stages: each is a function, and a process of its own. Read by
# cmake/dev.sh, which has what they build and test with.
#
# A stage that can go on for ever stops when it has reached its goal or when its
# slice of the time is over: $slice seconds, none where that is empty.

# shellcheck disable=SC2086,SC2154
stages="asan clang tidy processors packaging mutants ring lock txn servers sim \
tsan models states coverage mutation fuzz"
slice=${TRIVET_SLICE:-}

# figure PROMISE REACHED GOAL: a line of the table that check ends with.
figure() { printf '%s|%s|%s\n' "$1" "$2" "$3" >>build/figures.txt; }

# is_over BEGIN [PART]: whether the slice is over, or one of PART parts of it,
# for what began at that second.
is_over() {
  [ -n "$slice" ] && [ $(($(date +%s) - $1)) -ge $((slice / ${2:-1})) ]
}

# number_of BUILD LABEL: how many tests have that label.
number_of() {
  ctest --test-dir "build/$1" -N -L "$2" | sed -n 's/^Total Tests: //p'
}

asan() {
  build asan -C cmake/ci/asan.cmake
  run_tests asan asan -LE "slow|mutant|packaging|examples|tidy"
}

clang() {
  build clang -C cmake/ci/clang.cmake
  run_tests clang clang -LE "slow|mutant|packaging|examples"
}

tidy() {
  deps $check_packages
  say "clang-tidy over src/"
  cmake -S . -B build/tidy -G Ninja -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
    -DCMAKE_CXX_COMPILER=clang++ -DTRIVET_BUILD_TESTS=OFF \
    -DTRIVET_BUILD_BENCH=OFF >/dev/null
  find src -name '*.cc' | sort |
    xargs -P "$jobs" -n 1 clang-tidy-19 -p build/tidy --quiet
}

# The ring on other processors, emulated: with NEON, and with neither SSE2 nor
# NEON on one that is big-endian.
processors() {
  deps $check_packages
  headers=build/processors/include  # Those that no processor has its own of.
  mkdir -p "$headers"
  ln -sfn /usr/include/absl /usr/include/xxhash.h "$headers"
  for processor in aarch64 s390x; do
    say "the ring on $processor"
    "$processor-linux-gnu-g++" -std=c++17 -O2 -static -Wall -Wextra -Werror \
      -I. -Iinclude -I"$headers" tests/ring/processor_check.cc \
      src/ring/token.cc src/ring/md5.cc src/ring/crc32.cc \
      -o "build/processors/$processor"
    "qemu-$processor-static" "build/processors/$processor"
  done
}

# Every way to use the package, with archives and with shared libraries.
packaging() {
  build_test
  run_tests packaging-static test -L slow
  build shared -C cmake/ci/shared.cmake
  run_tests packaging-shared shared -LE mutant
}

# Every planted bug is found.
mutants() {
  build_test
  run_tests mutants test -L mutant
  figure "planted bugs" "$(number_of test mutant) found" ">= 40, all found"
}

# The adapters on real servers, which are unpacked and not installed.
servers_packages="libjemalloc2 liblzf1"
servers() {
  deps $check_packages $servers_packages
  sh cmake/ci/servers.sh build/servers
  target=servers
  build on-servers -DCMAKE_BUILD_TYPE=Release -DTRIVET_WERROR=ON \
    -DTRIVET_MODULES=lock -DTRIVET_WITH_REDIS=ON \
    -DTRIVET_SERVERS="$PWD/build/servers"
  run_tests servers on-servers -L servers
  figure "conformance on real servers, and more" \
    "$(number_of on-servers servers) tests pass" "all"
}

# Histories that nobody has seen before, of every scenario.
sim() {
  build_test
  program=build/test/tests/sim/trivet_sim
  scenarios=$("$program" --list)
  parts=$(echo "$scenarios" | wc -l)
  for scenario in $scenarios; do
    batch=5000
    case $scenario in
      txn) goal=500000 ;;
      txn_on_files) goal=300000 ;;
      long_*) goal=2000 batch=100 ;;
      *) goal=200000 ;;
    esac
    first=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    begin=$(date +%s)
    done=0
    log=build/sim.$scenario.log
    : >"$log"
    while [ "$done" -lt "$goal" ]; do
      from=$((first + done))
      "$program" "$scenario" --seeds "$from-$((from + batch - 1))" \
        --jobs "$jobs" >build/sim.log || { cat build/sim.log; exit 1; }
      cat build/sim.log >>"$log"
      done=$((done + batch))
      ! is_over "$begin" "$parts" || break
    done
    crashes=$(awk '$2 == "x" && /crash|power loss|host loss/ { n += $1 }
                   END { print n + 0 }' "$log")
    say "$scenario: histories $first-$((first + done - 1)), $crashes crashes"
    figure "histories of $scenario, all faults on" \
      "$done with $crashes crashes, 0 violations" "$goal, 0"
  done
}

# Everything with threads; the rest has nothing that this could find. GoogleTest
# is not instrumented and need not be: its locks are those of pthread, which
# ThreadSanitizer sees from outside. Abseil's are not.
tsan() {
  deps $check_packages
  abseil_source
  if [ ! -d build/tsan-abseil ]; then
    say "building build/tsan-abseil"
    at=build/abseil-source
    cmake -S "$at/abseil" -B "$at/build" -G Ninja -C cmake/ci/tsan.cmake \
      -DCMAKE_CXX_STANDARD=17 >"$at/configure.log" 2>&1 ||
      { cat "$at/configure.log" >&2; fail "cannot configure"; }
    cmake --build "$at/build" -j "$jobs"
    cmake --install "$at/build" --prefix "$at/prefix" >/dev/null
    mv "$at/prefix" build/tsan-abseil  # It is all there or not at all.
    rm -rf "$at"
  fi
  export target=threads
  build tsan -C cmake/ci/tsan.cmake
  export TSAN_OPTIONS="suppressions='$PWD/cmake/ci/tsan.supp'"
  run_tests tsan tsan -L threads
}

# The protocols as models, all of their states.
models() {
  deps $check_packages
  configure models -DTRIVET_MODELS=ON -DTRIVET_INSTALL=OFF \
    -DTRIVET_BUILD_BENCH=OFF -DTRIVET_BUILD_CLI=OFF
  run_tests models models -L model
  figure "models of the protocol and of SharedRing" \
    "$(number_of models model) checked" "no error, every mistake found"
}

# Every crash point of a small transaction, every allocation at which memory may
# run out, and what a power loss may leave of a log.
states() {
  build_test
  stride=1 allocations=1 seeds=1000
  [ -z "$slice" ] || stride=20 allocations=5 seeds=100
  log=build/states.log
  TRIVET_ENUMERATION_STRIDE=$stride \
    build/test/tests/txn/txn_enumeration_test >"$log" || { cat "$log"; exit 1; }
  figure "crash points of a transaction" \
    "$(sum_of "enumeration: " "$log") runs, 0 violations" ">= 500,000, 0"
  TRIVET_ALLOCATION_STRIDE=$allocations \
    build/test/tests/txn/txn_out_of_memory_test >"$log" ||
    { cat "$log"; exit 1; }
  figure "allocations that fail" \
    "$(sum_of "out of memory: " "$log") deaths, 0 violations" "every one, 0"
  TRIVET_CRASH_SEEDS=$seeds \
    build/test/tests/adapters/file/file_log_crash_test >"$log" ||
    { cat "$log"; exit 1; }
  figure "crash states of the file log" \
    "$(sum_of "states: " "$log"), none bad" ">= 100,000, 0"
}

# sum_of TEXT LOG: of the numbers that follow TEXT.
sum_of() {
  sed -n "s/^$1\([0-9]*\).*/\1/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

# What the tests reach of the core.
coverage() {
  deps $check_packages
  raw=$PWD/build/coverage/raw
  export LLVM_PROFILE_FILE="$raw/%4m.profraw"
  build coverage -C cmake/ci/coverage.cmake
  rm -rf "$raw"
  # Those with planted bugs are other code under the same names.
  run_tests coverage coverage -LE "slow|mutant|packaging|tidy" -E "[Mm]utant"
  gaps=build/coverage/gaps.txt
  result=0
  python3 cmake/ci/coverage.py build/coverage >"$gaps" || result=1
  cat "$gaps"
  figure "coverage of the core" "$(tail -n 1 "$gaps")" "100 % or a reason"
  return "$result"
}

# Flips operators of the core, one at a time: do tests fail?
mutation() {
  deps $check_packages
  log=build/mutation.log
  say "flipping operators"
  result=0
  python3 cmake/ci/mutate.py build/mutation 40 $slice >"$log" || result=1
  cat "$log"
  figure "flipped operators" "$(tail -n 1 "$log")" ">= 90 %"
  return "$result"
}

# Inputs that nobody has thought of, as many targets at a time as there are
# processors; what was found once and is to be tried for ever belongs in
# tests/fuzz/corpus.
fuzz() {
  configure fuzz -C cmake/ci/fuzz.cmake
  targets=$(find tests/fuzz -name '*_fuzz.cc' | sed 's,.*/,,; s/\.cc$//' | sort)
  cmake --build build/fuzz -j "$jobs" --target $targets
  number=$(echo "$targets" | wc -l)
  seconds=${slice:+$((slice * jobs / number))}
  say "fuzzing $number targets for ${seconds:=120} s each"
  echo "$targets" | xargs -P "$jobs" -n 1 sh "$self" stage fuzz_one "$seconds"
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' build/fuzz/*.log |
    awk '{ n += $1 } END { print n + 0 }')
  figure "fuzzing, $number targets" "$runs executions, 0 findings" \
    ">= 40,000,000, 0"
}

# fuzz_one SECONDS TARGET
fuzz_one() {
  name=${2%_fuzz}
  log=build/fuzz/$name.log
  mkdir -p "build/fuzz/corpus/$name"
  "build/fuzz/tests/fuzz/$2" -max_total_time="$1" -print_final_stats=1 \
    -verbosity=0 -artifact_prefix="build/fuzz/$name-" \
    "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1 ||
    { cat "$log"; exit 1; }
}

# Each module configures, builds, installs and passes its tests alone.
alone() {
  build "$1" -C cmake/ci/alone.cmake -DTRIVET_MODULES="$1"
  run_tests "$1" "$1" -LE "slow|mutant"
}
ring() { alone ring; }
lock() { alone lock; }
txn() { alone txn; }

check() {
  budget=40
  chosen=
  while [ $# -gt 0 ]; do
    case $1 in
      --full) budget= ;;
      --budget)
        [ $# -ge 2 ] || fail "--budget needs a number of minutes"
        budget=$2
        case $budget in
          '' | *[!0-9]*) fail "--budget: '$budget' is no number of minutes" ;;
        esac
        shift
        ;;
      *)
        case " $stages " in
          *" $1 "*) chosen="$chosen $1" ;;
          *) fail "check: no stage '$1'; the stages are: $stages" ;;
        esac
        ;;
    esac
    shift
  done
  deps $check_packages
  rm -f build/figures.txt
  begin=$(date +%s)
  report=
  failed=0
  set -- ${chosen:-$stages}
  while [ $# -gt 0 ]; do
    start=$(date +%s)
    left=$((${budget:-0} * 60 - (start - begin)))
    if [ -n "$budget" ] && [ "$left" -le 0 ]; then
      result="not reached"
    # A stage is a process of its own: 'set -e' means nothing inside an 'if'.
    elif TRIVET_SLICE=${budget:+$((left / $#))} sh "$self" stage "$1"; then
      result="passed"
    else
      result="FAILED"
      failed=1
    fi
    report="$report$(printf '%-10s %-12s %5d s' "$1" "$result" \
      $(($(date +%s) - start)))
"
    shift
  done
  say "check"
  printf '%s' "$report"
  if [ -f build/figures.txt ]; then
    say "promise, reached, goal"
    awk -F'|' '{ printf "%-42s %-42s %s\n", $1, $2, $3 }' build/figures.txt
  fi
  return "$failed"
}
