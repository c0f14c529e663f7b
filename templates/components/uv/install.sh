#!/bin/sh
# The wheels of uv on the Python index carry the program itself.
set -eu
python3.13 -m venv /tmp/venv
/tmp/venv/bin/pip install --quiet --no-deps --require-hashes --only-binary :all: -r "$RECIPE/requirements.txt"
mkdir -p /openhands/bin
cp /tmp/venv/bin/uv /tmp/venv/bin/uvx /openhands/bin/
rm -rf /tmp/venv
