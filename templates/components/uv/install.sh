#!/bin/sh
# The wheels of uv on the Python index carry the program itself.
set -eu
python3.13 -m venv /tmp/venv
$FOR_TARGET /tmp/venv/bin/pip install --quiet --no-deps --require-hashes --only-binary :all: --target /tmp/uv -r "$RECIPE/requirements.txt"
mkdir -p /openhands/bin
cp /tmp/uv/bin/uv /tmp/uv/bin/uvx /openhands/bin/
rm -rf /tmp/venv /tmp/uv
