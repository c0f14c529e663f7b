#!/bin/sh
# Builds the component whose recipe is in /recipe: the libraries of what it
# runs are put in place, its install.sh runs, and the bundler collects and seals
# the result in /out, the libraries it found in /libs. An argument names the
# architecture of the component where it is not the builder's; the component's
# packages are then below /target.
set -eu
export RECIPE=/recipe ARCH="${1:-$(dpkg --print-architecture)}" SYSTEM= FOR_TARGET=
[ $# = 0 ] || SYSTEM=/target FOR_TARGET="sh /stage1/for-target.sh"
[ ! -d /needs ] || /tools/oh-bundle merge --out / /needs/*
if [ -s /run/secrets/ca ]; then
	for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO; do
		export $name=/run/secrets/ca
	done
fi
[ ! -s /run/secrets/settings ] || . /run/secrets/settings
[ ! -s /run/secrets/pip ] || export PIP_CONFIG_FILE=/run/secrets/pip
[ ! -s /run/secrets/uv ] || export UV_CONFIG_FILE=/run/secrets/uv
[ ! -s /run/secrets/npm ] || export NPM_CONFIG_USERCONFIG=/run/secrets/npm

[ ! -e /recipe/install.sh ] || sh /recipe/install.sh

# The needs' libraries are not the component's; what is mounted the bundler
# leaves alone; all else below /openhands it takes.
[ ! -d /needs ] || rm -rf /openhands/lib /openhands/i18n /openhands/ns.conf
/tools/oh-bundle component --recipe /recipe/recipe.json --arch "$ARCH" --root / --system "$SYSTEM/" --out /out --libs /libs
chmod -R a+rX,go-w /out /libs
