#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   sh cmake/ci/servers.sh FOLDER
#
# Unpacks the servers that tests need into FOLDER. They are not installed:
# installing them would enable and start them. Their libraries must be there
# already (servers_packages in stages.sh).
set -eu
to=$1
[ ! -x "$to/usr/bin/redis-server" ] || exit 0
mkdir -p "$to.new"
to=$(cd "$to.new" && pwd)
cd "$to"
apt-get download -qq redis-server redis-tools
for package in *.deb; do
  dpkg-deb -x "$package" .
  rm "$package"
done
ln -sf redis-check-rdb usr/bin/redis-server  # As in Debian: one program.
mv "$to" "${to%.new}"
