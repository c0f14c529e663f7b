#!/bin/sh
# Installs the Debian packages given as arguments.
set -eu
bundle=
[ ! -s /run/secrets/ca ] || bundle="-o Acquire::https::CAInfo=/run/secrets/ca"
apt-get $bundle install -y "$@" || {
	# The list of packages is as old as its layer in the build cache.
	echo 'Where a package is not found any more, build with --no-cache: that asks for a newer list.' >&2
	exit 1
}
