#!/bin/sh
# The server and its tools from the Python index, as the lock of its release says.
set -eu
python=/openhands/python/bin/python3.13
uv=/openhands/bin/uv
venv=/openhands/poetry/openhands-ai-5O4_aCHf-py3.13

$uv venv --quiet --no-config --python $python --system-site-packages $venv
$uv pip install --python $venv/bin/python --no-deps --require-hashes --link-mode copy -r "$RECIPE/locks/$OPENHANDS_VERSION.txt" || {
	echo "Where the index does not have a package of the lock any more, 'docker openhands deps lock --server agent-server --openhands-version $OPENHANDS_VERSION' makes a new one." >&2
	exit 1
}
$venv/bin/python -m ensurepip --default-pip

# The editor looks for extensions in one folder.
mkdir -p /openhands/vscode/extensions
for extension in $venv/lib/python3.13/site-packages/openhands/agent_server/vscode_extensions/*/; do
	extension=${extension%/}
	ln -s "$extension" "/openhands/vscode/extensions/${extension##*/}"
done

# Where the browser tool looks: in the folders of Playwright, and in releases that
# do not obey PLAYWRIGHT_BROWSERS_PATH on PATH.
mkdir -p /openhands/share
for path in browser/ms-playwright/chromium-0/chrome-linux64/chrome fallback/bin/chromium-browser; do
	echo "oh-chromium-browser /openhands/$path"
done >/openhands/share/browsers.txt

# Wheels take these two from the system; here Python looks for them in the
# payload alone, whose own are gathered later.
cp -L /usr/lib/*-linux-gnu/libstdc++.so.6 /usr/lib/*-linux-gnu/libgcc_s.so.1 /openhands/lib/
LITELLM_LOCAL_MODEL_COST_MAP=True PYTHONDONTWRITEBYTECODE=1 $venv/bin/python "$RECIPE/precompile.py"
