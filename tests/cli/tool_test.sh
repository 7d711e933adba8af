#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sh tool_test.sh TRIVET README: the tool as a script sees it, by what it prints
# where and by its exit status; and that what README.md says of it works.
set -u
tool=$1
readme=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

fail() {
  printf '%s\n' "$*"
  exit 1
}

# expect STATUS PATTERN COMMAND...: feeds the command $input, and looks at its
# exit status and at all that it printed.
expect() {
  status=$1
  pattern=$2
  shift 2
  said=$(printf "$input" | "$@" 2>&1)
  ended=$?
  [ "$ended" -eq "$status" ] && printf '%s' "$said" | grep -q -- "$pattern" &&
    return
  fail "$* ended with $ended and said:
$said"
}

# --- Arguments ----------------------------------------------------------------

input='a\nb 2\n'
printf 'k1\nk2\n' >keys
printf "$input" >members
expect 0 '^user:42 -> [ab]$' "$tool" ring - --key user:42
expect 0 '^"" -> [ab]$' "$tool" ring - --key ''
expect 0 '^-x -> [ab]$' "$tool" ring - --key=-x
expect 0 '^[[]1,2[]] -> [ab]$' "$tool" ring - --key '[1,2]'
expect 0 '^k2 -> [ab]$' "$tool" ring - --keys keys
expect 0 '^"b 2" -> [ab]$' "$tool" ring members --keys -
expect 0 '^k2 -> [ab] [ab]$' "$tool" ring - --keys keys --replicas 2 --zones
expect 0 '^k2 -> [ab] => c$' "$tool" ring - --keys keys --add c --remove a --remove b
expect 0 'ring' "$tool" --help
expect 0 '"nodes_after"' "$tool" ring --help
expect 106 'members' "$tool" ring
for number in many -1 1.5 0x10 4294967296 ''; do
  expect 104 'vnodes' "$tool" ring - --vnodes "$number"
  expect 104 'replicas' "$tool" ring - --replicas "$number"
done
expect 105 'maglev not in {trivet,envoy,ketama,ketama_weighted,nginx}' "$tool" ring - --placement maglev
expect 105 'can be -, standard input' "$tool" ring - --keys -
expect 105 'can be -, standard input' "$tool" ring - --secret-file -
expect 105 'zones needs --key or --keys' "$tool" ring - --zones
expect 105 'arcs needs' "$tool" ring - --arcs
expect 105 'arcs excludes' "$tool" ring - --arcs --add c --key k
expect 108 'excludes' "$tool" ring - --svg --json
expect 108 'excludes' "$tool" ring - --svg --key k
expect 109 'secret' "$tool" ring - --secret geheim
expect 1 'vnodes_per_weight is 0' "$tool" ring - --vnodes 0
expect 1 'replicas is 0' "$tool" ring - --replicas 0
expect 1 'absent: No such file' "$tool" ring - --keys absent
expect 1 'absent: No such file' "$tool" ring - --secret-file absent
expect 1 'absent: No such file' "$tool" ring absent
expect 1 'points' "$tool" ring - --vnodes 4294967295

# --- Members ------------------------------------------------------------------

# What is bad in a file is said on standard error alone, in one line.
while IFS='|' read -r text error; do
  printf "$text" >bad
  "$tool" ring bad >out 2>err
  ended=$?
  [ "$ended" -eq 1 ] || fail "'$text' ended with $ended"
  [ ! -s out ] || fail "'$text' printed: $(cat out)"
  [ "$(wc -l <err)" -eq 1 ] || fail "'$text' said: $(cat err)"
  grep -q "^trivet: bad: $error" err || fail "'$text' said: $(cat err)"
done <<'TABLE'
|there are no members in it
# nobody\n|there are no members in it
\357\273\277a\n|line 1, column 1: a byte order mark
a\nb x\n|line 2, column 1: weight "x" of node "b"
a\nb\na\n|line 3, column 1: node "a" is there already, at line 1, column 1
\377\376a\000\n|line 1, column 4: control character "\\x00"
\037\213\010\n|line 1, column 1: control character "\\x1f"
[]|there are no members in it
[{"id":"a","weight":2.0}]|line 1, column 24: node 1: weight is 2.0
[\n{"id":"a"},\n{"id":"a"}]|line 3, column 1: node "a" is there already
{"nodes":[{"id":"a"}],"colour":1}|line 1, column 30: the object has the unknown
[{"id":"a"}|line 1, column 11: not JSON
TABLE
expect 1 '^trivet: -: line 2, column 2: weight "x"' \
  sh -c 'printf "a\n b x\n" | "$1" ring -' sh "$tool"
head -c 300000 /dev/urandom >garbage
"$tool" ring garbage >out 2>err
[ $? -eq 1 ] && [ ! -s out ] || fail "garbage is a ring: $(cat err)"

# --- Output -------------------------------------------------------------------

if [ -w /dev/full ]; then
  for how in '' --json --svg '--key k'; do
    expect 1 'output could not be written' \
      sh -c '"$1" ring members $2 >/dev/full' sh "$tool" "$how"
  done
  # Keys without an end are given up at once, too.
  expect 1 'output could not be written' \
    sh -c 'yes 2>/dev/null | "$1" ring members --keys - >/dev/full' sh "$tool"
fi
# Whoever has read enough hears no complaint, and SIGPIPE may be ignored.
for ignored in '' 'trap "" PIPE;'; do
  said=$(sh -c "$ignored"'yes 2>/dev/null |
    "$1" ring members --keys - 2>said | head -n 1' sh "$tool")
  [ -n "$said" ] && [ ! -s said ] || fail "a broken pipe: $said $(cat said)"
done
input=
expect 0 '<svg ' "$tool" ring members --svg --add c
expect 0 '"moves"' "$tool" ring members --json --add c

# --- README -------------------------------------------------------------------

# Its members file and its commands, as they stand there.
block() {
  sed -n "/<!-- tool: $1 -->/,/^\`\`\`\$/p" "$readme" | sed '1,2d;$d'
}
block members >members.txt
block commands >commands
[ -s members.txt ] && [ -s commands ] || fail "README.md shows no commands"
printf 'user:1\nuser:2\n' >keys.txt
mkdir bin && ln -s "$tool" bin/trivet
PATH=$folder/bin:$PATH sh -e commands >out 2>&1 ||
  fail "README.md's commands: $(cat out)"
