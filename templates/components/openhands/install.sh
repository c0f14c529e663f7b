#!/bin/sh
# OpenHands' sources: the user's checkout, else a release from the Python index.
set -eu
python=/openhands/python/bin/python3.13
code=/openhands/code
source=/source
if [ ! -d $source ]; then
	source=/tmp/source
	grep -A1 "^openhands-ai==$OPENHANDS_VERSION " "$RECIPE/releases.txt" >/tmp/release.txt || {
		echo "openhands-ai $OPENHANDS_VERSION is not among the releases this recipe knows" >&2
		exit 1
	}
	$python -m venv /tmp/fetch
	# The wheels of some releases lack the folder skills. Pip asks the sources'
	# build system what they are, and would fetch the newest of it.
	/tmp/fetch/bin/pip install --quiet --no-deps --require-hashes --only-binary :all: -r "$RECIPE/requirements.txt"
	/tmp/fetch/bin/pip download --quiet --no-deps --no-build-isolation --no-binary openhands-ai --require-hashes -r /tmp/release.txt -d /tmp/release
	mkdir $source
	tar -C $source --strip-components=1 -xzf /tmp/release/*.tar.gz
fi
mkdir -p $code
for part in openhands microagents skills third_party pyproject.toml poetry.lock; do
	[ ! -e $source/$part ] || cp -a $source/$part $code/
done

# The editor looks for extensions in one folder.
mkdir -p /openhands/vscode/extensions
for extension in $code/openhands/runtime/utils/vscode-extensions/*/; do
	extension=${extension%/}
	[ ! -d "$extension" ] || ln -s "$extension" "/openhands/vscode/extensions/openhands-${extension##*/}"
done

# Nothing is written at run time: every module is compiled now, and its byte
# code is trusted without a look at the source.
$python -m compileall -qq -f -j 0 --invalidation-mode unchecked-hash $code || true
rm -rf /tmp/fetch /tmp/release /tmp/source /tmp/release.txt
