#!/bin/sh
# The server and its tools from the Python index, as the lock of its release says.
set -eu
python=/openhands/python/bin/python3.13
uv=/openhands/bin/uv
venv=/openhands/poetry/openhands-ai-5O4_aCHf-py3.13

# environment [COMMAND]: the packages of the lock, as COMMAND has uv fetch them.
environment() {
	rm -rf $venv
	$uv venv --quiet --no-config --python $python --system-site-packages $venv
	"$@" $uv pip install --python $venv/bin/python --no-deps --require-hashes --link-mode copy -r "$RECIPE/locks/$OPENHANDS_VERSION.txt" || {
		echo "Where the index does not have a package of the lock any more, 'docker openhands deps lock --server agent-server --openhands-version $OPENHANDS_VERSION' makes a new one." >&2
		exit 1
	}
	$venv/bin/python -m ensurepip --default-pip
}
environment

# Wheels take these two from the system; here Python looks for them in the
# payload alone, whose own are gathered later.
cp -L /usr/lib/*-linux-gnu/libstdc++.so.6 /usr/lib/*-linux-gnu/libgcc_s.so.1 /openhands/lib/
LITELLM_LOCAL_MODEL_COST_MAP=True PYTHONDONTWRITEBYTECODE=1 $venv/bin/python "$RECIPE/imported.py" /tmp/imported

# What the server imports is known from an environment that can be run here. That
# of another processor takes its place, with the same modules in Python.
[ -z "$FOR_TARGET" ] || environment $FOR_TARGET
# Nothing is written at run time, so what is not compiled now is compiled at each
# start. Byte code is trusted without a look at the source.
$venv/bin/python -m compileall -q --invalidation-mode unchecked-hash -i /tmp/imported
rm /tmp/imported

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
