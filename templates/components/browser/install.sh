#!/bin/sh
# Debian's Chromium, presented in the folders that the installed Playwright
# computes; each release of Playwright names them anew, so it is asked.
set -eu
dest=/openhands/browser/chromium
mkdir -p $dest /openhands/share/fontconfig
cp -a /usr/lib/chromium/. $dest/

# DejaVu and Liberation for Latin, Greek and Cyrillic, Droid for Chinese,
# Japanese and Korean, Noto for emoji.
cp -aL /usr/share/fonts/truetype /openhands/share/fonts
cp -L "$RECIPE/fonts.conf" /openhands/share/fontconfig/fonts.conf
cp -aL /etc/fonts/conf.d /openhands/share/fontconfig/conf.d
rm -f /openhands/share/fontconfig/conf.d/README /openhands/share/fontconfig/conf.d/50-user.conf \
	/openhands/share/fontconfig/conf.d/51-local.conf
FONTCONFIG_FILE=/openhands/share/fontconfig/fonts.conf fc-cache -f

driver=$(echo /openhands/poetry/openhands-ai-*-py3.13/lib/python3.13/site-packages/playwright/driver)
PLAYWRIGHT_BROWSERS_PATH=/openhands/browser/ms-playwright \
	"$driver/node" "$RECIPE/layout.js" "$driver/package" |
while read -r program executable; do
	mkdir -p "${executable%/*}"
	ln -s "/openhands/bin/$program" "$executable"
done
