#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sh bench_test.sh PROGRAMS RESULTS: runs every benchmark as shortly as it can,
# at its smallest sizes, and makes the tables of it. A row that has another name
# than the tables know is an error of theirs.
set -eu
programs=$1
results=$2
rm -rf "$results"
mkdir -p "$results"

for name in lookup change successor snapshot balance; do
  "$programs/${name}_bench" --benchmark_out="$results/$name.json" \
    --benchmark_filter='nodes:10/vnodes:(1|40|160)(/|$)' \
    --benchmark_min_time=0.0001 --benchmark_repetitions=2 \
    >"$results/$name.log" 2>&1 ||
    { cat "$results/$name.log"; exit 1; }
done
"$programs/bench_tables" "$results" >"$results/tables.md"

# expect PATTERN: some line of the tables is so.
expect() {
  grep -q "$1" "$results/tables.md" && return
  cat "$results/tables.md"
  echo "no line is: $1"
  exit 1
}
expect '^| 10x40 |\( [0-9.]* |\)\{8\}$'
expect '^| 6 | allocations .* | <= 0 | 0.00 | met |$'
expect '^| 10x160 | [1-9][0-9.]* | [1-9][0-9.]* | 1[67].[0-9]* | 6[45].[0-9]* |'
expect '^| 1 | .* | hot -, fresh - | not measured |$'
for picture in lookup change balance; do
  [ "$(wc -l <"$results/$picture.tsv")" -ge 2 ] ||
    { echo "$picture.tsv has no rows"; exit 1; }
done
