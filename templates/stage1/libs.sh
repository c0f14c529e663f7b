#!/bin/sh
# Brings the libraries that the components found together in one layer.
set -eu
/tools/oh-bundle merge --out /out /libs/*
chmod -R a+rX,go-w /out
