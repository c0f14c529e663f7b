#!/bin/sh
# Debian's Chromium, presented where the server's environment looks for it.
set -eu
dest=/openhands/browser/chromium
mkdir -p $dest /openhands/share/fontconfig
cp -a "$SYSTEM/usr/lib/chromium/." $dest/

# DejaVu and Liberation for Latin, Greek and Cyrillic, Droid for Chinese,
# Japanese and Korean, Noto for emoji.
cp -aL "$SYSTEM/usr/share/fonts/truetype" /openhands/share/fonts
cp -L "$RECIPE/fonts.conf" /openhands/share/fontconfig/fonts.conf
cp -aL /etc/fonts/conf.d /openhands/share/fontconfig/conf.d
rm -f /openhands/share/fontconfig/conf.d/README /openhands/share/fontconfig/conf.d/50-user.conf \
	/openhands/share/fontconfig/conf.d/51-local.conf
FONTCONFIG_FILE=/openhands/share/fontconfig/fonts.conf fc-cache -f

# Links at the paths where the server's environment looks, with the marks of a
# complete installation. Playwright would run ldd on the browser of a base unless
# the second one is less than 30 days old: one of the year 2100 is never older.
root=/openhands/browser/ms-playwright
while read -r program executable; do
	mkdir -p "${executable%/*}"
	ln -s "/openhands/bin/$program" "$executable"
	case $executable in
	"$root"/*) ;;
	*) continue ;;
	esac
	folder=${executable#$root/}
	folder=$root/${folder%%/*}
	touch "$folder/INSTALLATION_COMPLETE"
	touch -d '2100-01-01 UTC' "$folder/DEPENDENCIES_VALIDATED"
done </openhands/share/browsers.txt
