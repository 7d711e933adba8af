#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Everything a developer does with trivet, from a bare machine on.
#
#   sh cmake/dev.sh demo     set up, build the core, run the demonstration
#   sh cmake/dev.sh test     set up, build everything, run the tests
#   sh cmake/dev.sh tidy     clang-tidy over src/
#   sh cmake/dev.sh bench    measure the ring: tables, pictures (--quick: roughly)
#   sh cmake/dev.sh check    what is slow: sanitizers, clang, clang-tidy, other
#                            processors, the package in every way, planted
#                            bugs, each module alone, simulated histories,
#                            threads under ThreadSanitizer, models, crash
#                            points, fuzzers
#       --budget MINUTES     begin no further stage after that time
#       --full               every stage, with ten times the histories
#       STAGE...             only these stages
#   sh cmake/dev.sh deps [core|all]   install packages and nothing else; for
#                                     'all' get the source of abseil too
#
# Builds below build/, installs nothing but missing apt packages. Environment:
#   TRIVET_DEPS=present   take the packages as they are: neither look nor install
#   JOBS=N                parallel jobs (default: all processors)

# Lists of packages and of stages are lists of words.
# shellcheck disable=SC2086
set -eu
cd "$(dirname "$0")/.."
self=cmake/dev.sh
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}

# --- Packages -----------------------------------------------------------------

core_packages="cmake ninja-build g++ libabsl-dev libxxhash-dev"
all_packages="$core_packages libgmock-dev libbenchmark-dev libcli11-dev
              nlohmann-json3-dev pkg-config"
check_packages="$all_packages clang clang-tidy-19 libclang-rt-dev dpkg-dev
                g++-aarch64-linux-gnu g++-s390x-linux-gnu qemu-user-static
                spin"
bench_packages="$all_packages gnuplot-nox"

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'dev.sh: %s\n' "$*" >&2
  exit 1
}

by_hand() {
  cat >&2 <<TEXT
dev.sh: $1. Please install by hand:
  to build and for the demonstration:
    CMake 3.22 or newer, Ninja, a C++17 compiler (g++ 12, clang 14 or newer),
    abseil-cpp (20220623 or newer), xxHash (0.8 or newer)
  for the tests as well:
    GoogleTest with GoogleMock, Google Benchmark, CLI11, nlohmann-json,
    pkg-config
  for 'tidy' and 'check' as well:
    clang with its sanitizer run-time, clang-tidy 19, spin
  for 'bench' as well:
    gnuplot
On Debian bookworm:
  apt-get install --no-install-recommends $2
Then say so: TRIVET_DEPS=present sh cmake/dev.sh ...
TEXT
  exit 1
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# deps PACKAGE...: installs those that are missing.
deps() {
  [ "${TRIVET_DEPS:-}" != present ] || return 0
  command -v apt-get >/dev/null || by_hand "there is no apt here" "$*"
  missing=
  for package; do
    is_installed "$package" || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || by_hand "only root can install packages" "${missing# }"
  say "installing:$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends $missing >build/apt.log 2>&1 ||
    { cat build/apt.log >&2; rm -f build/apt.log; fail "apt-get failed"; }
  rm -f build/apt.log
}

# Debian's abseil is not instrumented: ThreadSanitizer does not see what its
# mutexes order, and reports what is no race. So 'tsan' builds one of its own,
# from the source package, which comes from where the machine has its packages
# from; the machine's own lists stay as they are.
abseil_source() {
  from=$PWD/build/abseil-source
  [ ! -d "$from/abseil" ] && [ ! -d build/tsan-abseil ] || return 0
  if [ "${TRIVET_DEPS:-}" = present ] || [ "$(id -u)" != 0 ]; then
    fail "'tsan' needs the source of abseil, which only root gets, and not" \
      "with TRIVET_DEPS=present; or put an abseil for C++17 that was built" \
      "with clang++ -fsanitize=thread into build/tsan-abseil"
  fi
  say "getting the source of abseil"
  rm -rf "$from"
  mkdir -p "$from/lists/partial" "$from/cache"
  cat >"$from/apt.conf" <<CONF
Dir::Etc::SourceList "$from/sources.list";
Dir::Etc::SourceParts "-";
Dir::Etc::Trusted "/usr/share/keyrings/debian-archive-keyring.gpg";
Dir::State::Lists "$from/lists";
Dir::Cache "$from/cache";
APT::Sandbox::User "root";
CONF
  # shellcheck disable=SC2016  # Those are apt's own.
  line='deb-src $(REPO_URI) $(CODENAME) $(COMPONENT)'
  (
    cd "$from" && apt-get update -qq &&
      apt-get indextargets --format "$line" 'Created-By: Packages' \
        'Origin: Debian' | sort -u >sources.list &&
      apt-get -c apt.conf update -qq &&
      apt-get -c apt.conf source -qq libabsl-dev && mv abseil-*/ abseil
  ) >build/apt.log 2>&1 ||
    { cat build/apt.log >&2; rm -f build/apt.log; fail "apt-get failed"; }
  rm -f build/apt.log
}

# --- Building -----------------------------------------------------------------

# configure NAME [CMAKE-ARGUMENT...]: configures build/NAME.
configure() {
  name=$1
  shift
  say "building build/$name"
  cmake -S . -B "build/$name" -G Ninja --log-level=STATUS "$@" \
    >"build/$name.configure.log" 2>&1 ||
    { cat "build/$name.configure.log" >&2; fail "cannot configure"; }
  sed -n '/-- trivet /,/-- Configuring/{/Configuring/!p;}' \
    "build/$name.configure.log"
}

# build NAME [CMAKE-ARGUMENT...]: configures and builds build/NAME, all of it or
# the target $target.
build() {
  configure "$@"
  cmake --build "build/$1" -j "$jobs" --target "${target:-all}"
}

# run_tests STAGE NAME [CTEST-ARGUMENT...]: tests build/NAME. What ctest says is
# kept for .ci/run to count.
run_tests() {
  log=$PWD/build/$1.ctest.log
  name=$2
  shift 2
  say "testing build/$name"
  ctest --test-dir "build/$name" --output-on-failure --no-tests=error \
    -j "$jobs" --output-log "$log" "$@"
}

demo() {
  deps $core_packages
  build demo -DCMAKE_BUILD_TYPE=Release -DTRIVET_BUILD_TESTS=OFF \
    -DTRIVET_BUILD_BENCH=OFF -DTRIVET_BUILD_CLI=OFF -DTRIVET_BUILD_TESTKIT=OFF
  prefix=$PWD/build/demo/prefix
  cmake --install build/demo --prefix "$prefix" >/dev/null
  say "building examples/06_shop against the package"
  cmake -S examples/06_shop -B build/demo/shop -G Ninja \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
  cmake --build build/demo/shop -j "$jobs"
  say "the shop: 20,000 orders while machines die"
  rm -rf build/demo/data
  build/demo/shop/shop --orders examples/06_shop/orders.csv \
    --data build/demo/data
}

build_test() {
  build test -DCMAKE_BUILD_TYPE=Release -DTRIVET_WERROR=ON
}

test_() {
  deps $all_packages
  build_test
  run_tests test test -LE slow
}

# Everything lands in build/bench: the JSON of each program, tables.md, pictures.
bench() {
  every='.'
  rounds="--benchmark_repetitions=9 --benchmark_min_time=0.05"
  case ${1:-} in
    '') ;;
    --quick)
      every='nodes:(10|100|1000)/|nodes:10000/vnodes:(1|40|160)(/|$)'
      rounds="--benchmark_repetitions=1 --benchmark_min_time=0.005"
      ;;
    *) fail "bench: '$1' is not --quick; what is measured is a Release build" ;;
  esac
  deps $bench_packages
  build bench -DCMAKE_BUILD_TYPE=Release -DTRIVET_MODULES=ring \
    -DTRIVET_BUILD_TESTS=OFF -DTRIVET_BUILD_CLI=OFF -DTRIVET_BUILD_TESTKIT=OFF
  to=build/bench
  for program in lookup change successor snapshot balance; do
    say "measuring: $program"
    "$to/bench/${program}_bench" --benchmark_out="$to/$program.json" \
      --benchmark_filter="$every" $rounds \
      --benchmark_enable_random_interleaving=true >"$to/$program.log" 2>&1 ||
      { cat "$to/$program.log" >&2; fail "cannot measure"; }
  done
  "$to/bench/bench_tables" "$to" >"$to/tables.md" || fail "cannot make tables"
  for picture in lookup change balance; do
    gnuplot -e "folder='$to'" "bench/$picture.gp" || fail "cannot draw"
  done
  say "$to/tables.md, and $to/*.svg"
  cat "$to/tables.md"
}

# --- What is slow: the stages of check ----------------------------------------

stages="asan clang tidy processors packaging mutants ring lock txn sim tsan \
models states fuzz"

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
}

# Histories that nobody has seen before.
sim() {
  build_test
  for scenario in txn lock; do
    first=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    last=$((first + ${TRIVET_HISTORIES:-20000} - 1))
    say "$scenario: histories $first-$last"
    build/test/tests/sim/trivet_sim "$scenario" --seeds "$first-$last" \
      --jobs "$jobs"
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
  target=threads
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
}

# Every crash point of a small transaction, and what a power loss may leave of a
# log.
states() {
  build_test
  TRIVET_ENUMERATION_STRIDE=${TRIVET_ENUMERATION_STRIDE:-20} \
    build/test/tests/txn/txn_enumeration_test
  TRIVET_CRASH_SEEDS=${TRIVET_CRASH_SEEDS:-100} \
    build/test/tests/adapters/file/file_log_crash_test
}

# Inputs that nobody has thought of, for a while each; what was found once and
# is to be tried for ever belongs in tests/fuzz/corpus.
fuzz() {
  seconds=${TRIVET_FUZZ_SECONDS:-60}
  configure fuzz -C cmake/ci/fuzz.cmake
  for source in tests/fuzz/*_fuzz.cc; do
    name=$(basename "$source" _fuzz.cc)
    cmake --build build/fuzz -j "$jobs" --target "${name}_fuzz"
    say "fuzzing $name for $seconds s"
    mkdir -p "build/fuzz/corpus/$name"
    build/fuzz/tests/fuzz/"${name}_fuzz" -max_total_time="$seconds" \
      -print_final_stats=1 -verbosity=0 -artifact_prefix=build/fuzz/ \
      "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
  done
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
  budget=
  chosen=
  while [ $# -gt 0 ]; do
    case $1 in
      --full)
        budget=
        export TRIVET_HISTORIES=200000 TRIVET_FUZZ_SECONDS=240
        export TRIVET_ENUMERATION_STRIDE=1 TRIVET_CRASH_SEEDS=1000
        ;;
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
  begin=$(date +%s)
  report=
  failed=0
  for stage in ${chosen:-$stages}; do
    start=$(date +%s)
    if [ -n "$budget" ] && [ $((start - begin)) -ge $((budget * 60)) ]; then
      result="not reached"
    # A stage is a process of its own: 'set -e' means nothing inside an 'if'.
    elif sh "$self" stage "$stage"; then
      result="passed"
    else
      result="FAILED"
      failed=1
    fi
    report="$report$(printf '%-8s %-12s %5d s' "$stage" "$result" \
      $(($(date +%s) - start)))
"
  done
  say "check"
  printf '%s' "$report"
  return "$failed"
}

command=${1:-help}
[ $# -eq 0 ] || shift
[ "$command" = help ] || mkdir -p build
case $command in
  demo) demo ;;
  test) test_ ;;
  tidy) tidy ;;
  bench) bench "$@" ;;
  check) check "$@" ;;
  stage) "$1" ;;
  deps)
    case ${1:-all} in
      core) deps $core_packages ;;
      all)
        deps $check_packages
        abseil_source
        ;;
      *) fail "deps: '$1' is neither core nor all" ;;
    esac
    ;;
  help) sed -n '4,/^$/s/^# \{0,1\}//p' "$self" ;;
  *) fail "no command '$command'; 'sh cmake/dev.sh help' lists them" ;;
esac
