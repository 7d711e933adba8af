#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sh tool_test.sh TRIVET: the tool as a script sees it, by what it prints where
# and by its exit status.
set -u
tool=$1

# expect STATUS PATTERN COMMAND...: feeds the command $members, and looks at its
# exit status and at all that it printed.
expect() {
  status=$1
  pattern=$2
  shift 2
  said=$(printf "$members" | "$@" 2>&1)
  ended=$?
  [ "$ended" -eq "$status" ] && printf '%s' "$said" | grep -q "$pattern" && return
  printf '%s\nended with %d and said:\n%s\n' "$*" "$ended" "$said"
  exit 1
}

members='a\nb 2\n'
expect 0 '^user:42 -> [ab]$' "$tool" ring - --key user:42
expect 0 'ring' "$tool" --help
expect 106 'members' "$tool" ring
expect 104 'vnodes' "$tool" ring - --vnodes many
expect 1 'output could not be written' sh -c '"$1" ring - >/dev/full' sh "$tool"

members='a\nb x\n'
expect 1 "^trivet: -: line 2: weight 'x' of node 'b'" "$tool" ring -
expect 1 "line 2: weight 'x'" sh -c '"$1" ring - >/dev/null' sh "$tool"
