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
#                            bugs, each module alone, adapters on real
#                            servers, simulated histories,
#                            threads under ThreadSanitizer, models, crash
#                            points, coverage, flipped operators, fuzzers
#       --budget MINUTES     that long (40): to each stage a slice of it
#       --full               every stage until it has reached its goal
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
              nlohmann-json3-dev pkg-config libsqlite3-dev libhiredis-dev"
check_packages="$all_packages clang clang-tidy-19 libclang-rt-dev dpkg-dev
                g++-aarch64-linux-gnu g++-s390x-linux-gnu qemu-user-static
                spin llvm python3-minimal"
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
    pkg-config; SQLite and hiredis for their adapters
  for 'tidy' and 'check' as well:
    clang with its sanitizer run-time, llvm, clang-tidy 19, spin, Python 3
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

# --- What is slow -------------------------------------------------------------

. cmake/ci/stages.sh  # The stages, check.

command=${1:-help}
[ $# -eq 0 ] || shift
[ "$command" = help ] || mkdir -p build
case $command in
  demo) demo ;;
  test) test_ ;;
  tidy) tidy ;;
  bench) bench "$@" ;;
  check) check "$@" ;;
  stage) "$@" ;;
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
