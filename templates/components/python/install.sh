#!/bin/sh
# The interpreter in a prefix layout: bin/python3.13 finds lib/python3.13
# relative to itself, so nothing that is compiled in has to be changed.
set -eu
prefix=/openhands/python
stdlib=$prefix/lib/python3.13
mkdir -p $prefix/bin $prefix/lib $prefix/share
cp -a "$SYSTEM/usr/bin/python3.13" $prefix/bin/
ln -s python3.13 $prefix/bin/python3
cp -aL "$SYSTEM/usr/lib/python3.13" $stdlib
cp -a "$SYSTEM/usr/share/python-wheels" $prefix/share/

# EXTERNALLY-MANAGED would forbid pip in a Python that no package manager owns;
# sitecustomize.py is Debian's crash reporter.
rm -rf $stdlib/EXTERNALLY-MANAGED $stdlib/sitecustomize.py $stdlib/test
find $stdlib -name __pycache__ -prune -exec rm -rf {} +
# ensurepip looks for its wheels where the configuration says.
sed -i "s#/usr/share/python-wheels#$prefix/share/python-wheels#" $stdlib/_sysconfigdata_*.py

# Byte code is the same for every processor.
python3.13 -m compileall -q -j 0 --invalidation-mode unchecked-hash $stdlib
