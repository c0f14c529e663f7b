#!/bin/sh
# Every program of the packages below, at the end of a runtime image's PATH.
set -eu
bin=/openhands/fallback/bin
mkdir -p $bin /openhands/share
for package in bash bzip2 coreutils curl debianutils diffutils file findutils gawk grep gzip \
	hostname jq less openssh-client patch procps ripgrep sed tar unzip xz-utils zip; do
	grep -E '^(/usr)?/bin/[^/]+$' "$SYSTEM/var/lib/dpkg/info/$package.list" | while read -r file; do
		# A usrmerged root knows /bin/X as /usr/bin/X.
		file=$SYSTEM/usr/bin/${file##*/}
		if [ -L "$file" ]; then
			target=$(readlink "$file")
			ln -sf "${target##*/}" "$bin/${file##*/}"
		elif [ -f "$file" ]; then
			cp -p "$file" $bin/
		fi
	done
done
# Setuid programs and scripts that need perl or Debian's own tools do not come along.
rm -f $bin/bashbug $bin/ssh-argv0 $bin/savelog $bin/ischroot $bin/run-parts $bin/add-shell $bin/remove-shell \
	$bin/update-shells $bin/tempfile $bin/lessfile $bin/lesspipe $bin/lesskey $bin/gawkbug $bin/catchsegv
ln -sf bash $bin/sh
ln -sf bash $bin/rbash
ln -sf gawk $bin/awk
ln -sf which.debianutils $bin/which
chmod u-s,g-s $bin/*

cp -a "$SYSTEM/usr/lib/git-core" /openhands/git
# Servers, mail and what needs perl or a tool of Debian's.
for name in mergetools git-instaweb git-subtree git-request-pull git-filter-branch git-daemon \
	git-http-backend git-http-push git-imap-send git-shell scalar; do
	rm -rf /openhands/git/$name
done
cp -a "$SYSTEM"/usr/share/git-core/templates /openhands/git/templates
ln -sf ../../git/git $bin/git
for name in git-receive-pack git-upload-pack git-upload-archive; do
	ln -sf ../../git/$name $bin/$name
done
mkdir -p /openhands/share/misc
cp -L "$SYSTEM/usr/share/misc/magic.mgc" /openhands/share/misc/magic.mgc
# What the server calls while it makes its user and working directory, and what
# scripts that uv writes call with options that not every BusyBox knows.
mkdir -p /openhands/libexec/compat/bin
for name in chmod dirname mkdir realpath; do
	ln -s ../../../fallback/bin/$name /openhands/libexec/compat/bin/$name
done
# A link that leads nowhere in the payload would fail the seal check.
find $bin /openhands/git -xtype l -print -delete
