#!/bin/sh
# A virtual environment with the exact versions of OpenHands' poetry.lock.
set -eu
python=/openhands/python/bin/python3.13
uv=/openhands/bin/uv
venv=/openhands/poetry/openhands-ai-5O4_aCHf-py3.13

$uv venv --quiet --no-config --python $python --system-site-packages $venv
ln -s "${venv##*/}" "${venv%3.13}3.12"
without=
[ ! -e "$RECIPE/lean.txt" ] || without=$RECIPE/lean.txt
$python "$RECIPE/requirements.py" /openhands/code/poetry.lock $without >/tmp/requirements.txt
# For SOCKS proxies; some releases' lock may have one of them.
for package in pysocks socksio; do
	grep -q "^$package==" /tmp/requirements.txt ||
		grep "^$package==" "$RECIPE/requirements.txt" >>/tmp/requirements.txt
done
$FOR_TARGET $uv pip install --python $venv/bin/python --no-deps --require-hashes --link-mode copy \
	--build-constraints "$RECIPE/requirements.txt" -r /tmp/requirements.txt
$venv/bin/python -m ensurepip --default-pip
mkdir -p $venv/etc/ipython $venv/etc/jupyter
cp -L "$RECIPE"/ipython_*config.py $venv/etc/ipython/
cp -L "$RECIPE"/jupyter_*config.py $venv/etc/jupyter/

$venv/bin/python "$RECIPE/toplevel.py"

# Each release of Playwright names the folders of its browsers anew: it is asked.
driver=$venv/lib/python3.13/site-packages/playwright/driver
# One node in the payload: Playwright works with any of its time.
ln -sf /openhands/node/bin/node "$driver/node"
mkdir -p /openhands/share
# It looks elsewhere on other processors than this one.
case $ARCH in
amd64) cpu=x64 ;;
*) cpu=$ARCH ;;
esac
[ -z "$FOR_TARGET" ] || export PLAYWRIGHT_HOST_PLATFORM_OVERRIDE=debian12-$cpu
PLAYWRIGHT_BROWSERS_PATH=/openhands/browser/ms-playwright "$driver/node" "$RECIPE/browsers.js" "$driver/package" \
	>/openhands/share/browsers.txt

# Nothing is written at run time: every module is compiled now, and its byte
# code is trusted without a look at the source. compileall reports the files
# that are templates or Python 2 and goes on: no import ever reaches them.
$python -m compileall -qq -f -j 0 --invalidation-mode unchecked-hash $venv/lib || true
rm -rf /tmp/requirements.txt
