#!/bin/sh
# Runs a command of a component's install.sh so that it fetches, or compiles, for
# $ARCH: "uv pip install", "pip install --target", "npm ci" and "npm rebuild".
# uv's tags are those of wheels that run with the C library of Debian 13.
set -eu
case $ARCH in
amd64) machine=x86_64 cpu=x64 ;;
arm64) machine=aarch64 cpu=arm64 ;;
esac
export PIP_PLATFORM="manylinux_2_28_$machine manylinux_2_17_$machine manylinux2014_$machine"
export npm_config_cpu=$cpu npm_config_os=linux npm_config_libc=glibc npm_config_arch=$cpu
export CC=$machine-linux-gnu-gcc CXX=$machine-linux-gnu-g++ AR=$machine-linux-gnu-gcc-ar
[ "${1##*/}" != uv ] || set -- "$@" --python-platform $machine-manylinux_2_40
exec "$@"
