#!/bin/sh
# The packet filter in both of its forms, the script that starts the engine.
set -eu
dest=/openhands/engine
mkdir -p $dest/bin $dest/legacy
cp -L "$RECIPE/dockerd.sh" $dest/
cp -L "$SYSTEM/usr/sbin/xtables-nft-multi" $dest/bin/
cp -L "$SYSTEM/usr/sbin/xtables-legacy-multi" $dest/legacy/
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
	ln -s xtables-nft-multi $dest/bin/$name
	ln -s xtables-legacy-multi $dest/legacy/$name
done
cp -aL "$SYSTEM"/usr/lib/*-linux-gnu/xtables $dest/xtables
