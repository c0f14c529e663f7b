#!/bin/sh
# The VS Code server inside the npm package code-server, with the modules that
# it and its browser side load, in the versions that the package asks for.
set -eu
export PATH=/openhands/node/bin:$PATH npm_config_cache=/root/.cache/npm
dest=/openhands/vscode
case $ARCH in
amd64) arch=x64 ;;
*) arch=$ARCH ;;
esac

cd /tmp
read -r _ archive <"$RECIPE/archives.sha512"
version=${archive#code-server-}
npm pack --silent "code-server@${version%.tgz}"
sha512sum --check --quiet "$RECIPE/archives.sha512"
tar -xzf "$archive"
node "$RECIPE/versions.cjs" /tmp/package

# package-lock.json lists modules instead of taking all of the package's: those
# of Windows, of GitHub's and Anthropic's agents, of telemetry, of SSH tunnels
# and of Kerberos proxies are never loaded here, and fill 300 MB.
mkdir modules
cp -L "$RECIPE/package.json" "$RECIPE/package-lock.json" modules/
cd modules
$FOR_TARGET npm ci --loglevel=error --ignore-scripts
# The others bring what they compile. Scripts would find the payload's node in .bin.
rm -rf node_modules/.bin
$FOR_TARGET npm rebuild --loglevel=error --nodedir="$PWD/node_modules/node-linux-$arch" @vscode/native-watchdog @vscode/spdlog
rm -rf node_modules/node-linux-* node_modules/.package-lock.json node_modules/.bin

mv /tmp/package/lib/vscode $dest
mkdir -p node_modules/code-server
# The licences of the whole, and a description that scanners find.
mv /tmp/package/LICENSE /tmp/package/ThirdPartyNotices.txt /tmp/package/package.json node_modules/code-server/
mv node_modules $dest/
cd $dest
rm -rf bin npm-shrinkwrap.json extensions/npm-shrinkwrap.json
mkdir -p bin extensions/node_modules
cp -L "$RECIPE/client.mjs" bin/
cp -L "$RECIPE/proof.cjs" .
mkdir extensions/docker-openhands-defaults
cp -L "$RECIPE/defaults.json" extensions/docker-openhands-defaults/package.json
# The compiler serves the extensions. Theirs is the rule what they need of it.
mv node_modules/typescript extensions/node_modules/
node extensions/postinstall.mjs >/dev/null
rm extensions/postinstall.mjs

# Of a program or module for every platform the one for this.
for folder in @vscode/ripgrep-universal/bin node-pty/prebuilds; do
	find node_modules/$folder -mindepth 1 -maxdepth 1 ! -name "linux-$arch" -exec rm -rf {} +
done
rm -rf node_modules/@parcel/watcher-linux-*-musl
# It asks the base which C library there is, but runs on the payload's.
ln -s "watcher-linux-$arch-glibc" "node_modules/@parcel/watcher-linux-$arch-musl"
rm -rf /tmp/modules /tmp/package "/tmp/$archive"
