#!/bin/sh
# OpenHands' sources from the Python index, and a virtual environment with the
# exact versions of the poetry.lock inside them.
set -eu
python=/openhands/python/bin/python3.13
uv=/needs/uv/openhands/bin/uv
code=/openhands/code
venv=/openhands/poetry/openhands-ai-5O4_aCHf-py3.13

$python -m venv /tmp/fetch
grep -A1 "^openhands-ai==$OPENHANDS_VERSION " "$RECIPE/releases.txt" >/tmp/release.txt || {
	echo "openhands-ai $OPENHANDS_VERSION is not among the releases this recipe knows" >&2
	exit 1
}
/tmp/fetch/bin/pip download --quiet --no-deps --no-binary :all: --require-hashes -r /tmp/release.txt -d /tmp/release
mkdir -p /tmp/source $code
tar -C /tmp/source --strip-components=1 -xzf /tmp/release/openhands?ai-*.tar.gz
for part in openhands microagents skills third_party pyproject.toml poetry.lock; do
	[ ! -e /tmp/source/$part ] || cp -a /tmp/source/$part $code/
done

$uv venv --quiet --no-config --python $python --system-site-packages $venv
ln -s "${venv##*/}" "${venv%3.13}3.12"
$python "$RECIPE/requirements.py" $code/poetry.lock >/tmp/requirements.txt
$uv pip install --python $venv/bin/python --no-deps --require-hashes --link-mode copy -r /tmp/requirements.txt
$venv/bin/python -m ensurepip --default-pip
mkdir -p $venv/etc/ipython
cp -L "$RECIPE/ipython_config.py" $venv/etc/ipython/

# Nothing is written at run time: every module is compiled now, and its byte
# code is trusted without a look at the source. compileall reports the files
# that are templates or Python 2 and goes on: no import ever reaches them.
$python -m compileall -qq -f -j 0 --invalidation-mode unchecked-hash $venv/lib $code || true
rm -rf /tmp/fetch /tmp/release /tmp/source /tmp/release.txt /tmp/requirements.txt
