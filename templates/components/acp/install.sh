#!/bin/sh
# The agents from the npm registry, as package-lock.json says. They run in the
# payload's Node.js; what two of them start is a program for each architecture.
set -eu
export PATH=/openhands/node/bin:$PATH npm_config_cache=/root/.cache/npm
dest=/openhands/acp
mkdir -p $dest
cp -L "$RECIPE/package.json" "$RECIPE/package-lock.json" $dest/
cd $dest
# The builder's C library is the payload's.
$FOR_TARGET npm ci --loglevel=error --ignore-scripts --libc=glibc
cp -L "$RECIPE/proof.mjs" .
rm -rf package.json package-lock.json node_modules/.bin node_modules/.package-lock.json
# Nothing starts these by themselves: a base's own node may be too old.
find node_modules -type f \( -name '*.js' -o -name '*.mjs' -o -name '*.cjs' \) -exec chmod a-x {} +
