#!/bin/sh
# The helper binaries and the names under which they are called; Mozilla's
# roots for bases that have none (the builder's bundle may hold the host's).
set -eu
mkdir -p /openhands/bin /openhands/libexec/compat/bin /openhands/fallback/bin /openhands/micromamba/bin /openhands/ssl
cp /helpers/oh-init /helpers/oh-rescue /helpers/oh-wrappers /openhands/bin/
cp -L "$RECIPE/environment.py" "$RECIPE/start.py" /openhands/libexec/
cat "$SYSTEM"/usr/share/ca-certificates/mozilla/*.crt >/openhands/ssl/ca-certificates.crt
/tools/oh-wrappers --list | while read -r link; do
	[ -e "$link" ] || ln -s /openhands/bin/oh-wrappers "$link"
done
