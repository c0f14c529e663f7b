#!/bin/sh
# Debian's Chromium; what it shares with the headless shell is there already.
set -eu
dest=/openhands/browser/headed
mkdir -p $dest
cp -a "$SYSTEM/usr/lib/chromium/." $dest/
rm -f $dest/chromium-headless-shell $dest/headless_*.pak
for file in /openhands/browser/chromium/*; do
	name=${file##*/}
	[ ! -f "$dest/$name" ] || ln -sf "../chromium/$name" "$dest/$name"
done
