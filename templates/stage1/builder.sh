#!/bin/sh
# Makes the builder base ready for every component's stage: one look at the
# package index, so that all stages install the same versions.
set -eu
rm -f /etc/apt/apt.conf.d/docker-clean
cat >/etc/apt/apt.conf.d/80openhands <<'CONF'
APT::Install-Recommends "false";
Acquire::Retries "3";
CONF
# The user's own sources, where they were handed over, instead of the image's.
if [ -s /run/secrets/apt ]; then
	rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
	if grep -q '^Types:' /run/secrets/apt; then
		ln -s /run/secrets/apt /etc/apt/sources.list.d/handed-over.sources
	else
		ln -s /run/secrets/apt /etc/apt/sources.list.d/handed-over.list
	fi
fi
bundle=
[ ! -s /run/secrets/ca ] || bundle="-o Acquire::https::CAInfo=/run/secrets/ca"
apt-get $bundle update
apt-get $bundle install -y ca-certificates
