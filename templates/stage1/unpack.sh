#!/bin/sh
# Unpacks the Debian packages given as arguments, and what they need, below
# /target, a root file system of the architecture of the first argument. No
# script of a package is run: it would be for that architecture.
set -eu
arch=$1
shift
target=/target
dpkg=$target/var/lib/dpkg
bundle=
[ ! -s /run/secrets/ca ] || bundle="-o Acquire::https::CAInfo=/run/secrets/ca"

# apt ARGUMENT...: apt for that system, with the builder's sources and keys.
apt() {
	apt-get $bundle -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Acquire::Languages=none \
		-o Dir::State::status=$dpkg/status -o Dir::State::lists=$target/var/lib/apt/lists \
		-o Dir::State::extended_states=$target/var/lib/apt/extended_states "$@"
}

if [ ! -e $dpkg/status ]; then
	mkdir -p $dpkg/info $target/var/lib/apt/lists
	: >$dpkg/status
	apt update
	# What each root has: the links of a merged /usr, and the C library's data.
	set -- base-files libc-bin "$@"
fi
apt install -y --download-only "$@" || {
	echo 'Where a package is not found any more, build with --no-cache: that asks for a newer list.' >&2
	exit 1
}
# "Inst NAME (VERSION ORIGIN [ARCHITECTURE])"; files have %3a for a colon.
apt install -s "$@" >/tmp/plan
sed -n 's/^Inst \([^ :]*\)[^ ]* (\([^ ]*\) .*\[\([a-z0-9]*\)\]).*/\1_\2_\3.deb/p' /tmp/plan | sed 's/:/%3a/g' >/tmp/debs
while read -r deb; do
	deb=/var/cache/apt/archives/$deb
	dpkg-deb -f "$deb" >/tmp/control
	name=$(sed -n 's/^Package: //p' /tmp/control)
	dpkg-deb --fsys-tarfile "$deb" | tar -C $target -xvpf - --keep-directory-symlink >/tmp/files
	sed 's|^\.||; s|\(.\)/$|\1|' /tmp/files >"$dpkg/info/$name.list"
	{
		cat /tmp/control
		printf 'Status: install ok installed\n\n'
	} >>$dpkg/status
done </tmp/debs
rm -f /tmp/plan /tmp/debs /tmp/control /tmp/files
