# Makes a Debian root file system look like one of Enterprise Linux 9, as far as
# that can be had of Debian's packages: layout, account files, name services,
# shell start-up, sudo, certificates. It runs inside the root.
set -eu

# Libraries lie in lib64. A link stays where Debian's programs look for modules.
for triplet in /usr/lib/*-linux-gnu; do
	mkdir -p /usr/lib64
	cp -a --remove-destination "$triplet/." /usr/lib64/
	echo /usr/lib64 >/etc/ld.so.conf
	ldconfig
	mv "$triplet" "$triplet.old"
	ln -s ../lib64 "$triplet"
	rm -r "$triplet.old"
done
[ -e /lib64 ] || ln -s usr/lib64 /lib64
rm -rf /etc/ld.so.conf.d
mkdir /etc/ld.so.conf.d
echo 'include ld.so.conf.d/*.conf' >/etc/ld.so.conf
echo /usr/lib64 >/etc/ld.so.conf.d/lib64.conf
ldconfig
ln -sf bash /usr/bin/sh

cat >/etc/nsswitch.conf <<'END'
passwd:     sss files systemd
shadow:     files sss
group:      sss files systemd
hosts:      files dns myhostname
services:   files sss
netgroup:   sss
automount:  files sss
aliases:    files
ethers:     files
gshadow:    files
networks:   files dns
protocols:  files
rpc:        files
END

# Accounts: a group wheel, none called sudo; homes nobody else can look into.
groupdel sudo
sed -i '/^uucp:/d' /etc/group /etc/gshadow
groupadd -g 10 wheel
cat >/etc/login.defs <<'END'
MAIL_DIR /var/spool/mail
UMASK 022
HOME_MODE 0700
UID_MIN 1000
UID_MAX 60000
SYS_UID_MIN 201
SYS_UID_MAX 999
GID_MIN 1000
GID_MAX 60000
SYS_GID_MIN 201
SYS_GID_MAX 999
ENCRYPT_METHOD SHA512
USERGROUPS_ENAB yes
CREATE_HOME yes
END
printf 'HOME=/home\nSHELL=/bin/bash\nSKEL=/etc/skel\nCREATE_MAIL_SPOOL=yes\n' >/etc/default/useradd

cat >/etc/sudoers <<'END'
Defaults   !visiblepw
Defaults   always_set_home
Defaults   env_reset
Defaults   secure_path = /sbin:/bin:/usr/sbin:/usr/bin
root    ALL=(ALL)       ALL
%wheel  ALL=(ALL)       ALL
#includedir /etc/sudoers.d
END
chmod 440 /etc/sudoers
chmod 750 /etc/sudoers.d

# Shells: system-wide settings in /etc/bashrc, and a title for terminals.
cat >/etc/profile <<'END'
pathmunge () {
	case ":$PATH:" in
	*:"$1":*) ;;
	*) if [ "${2-}" = after ]; then PATH=$PATH:$1; else PATH=$1:$PATH; fi ;;
	esac
}
if [ "$(/usr/bin/id -u)" = 0 ]; then
	pathmunge /usr/sbin
	pathmunge /usr/local/sbin
else
	pathmunge /usr/local/sbin after
	pathmunge /usr/sbin after
fi
export PATH
for i in /etc/profile.d/*.sh /etc/profile.d/sh.local; do
	if [ -r "$i" ]; then
		. "$i" >/dev/null
	fi
done
unset i
unset -f pathmunge
if [ -n "${BASH_VERSION-}" ]; then
	. /etc/bashrc
fi
END
cat >/etc/bashrc <<'END'
if [ -n "$PS1" ]; then
	case $TERM in
	xterm*) PROMPT_COMMAND='printf "\033]0;%s\007" "$PWD"' ;;
	screen*|tmux*) PROMPT_COMMAND='printf "\033k%s\033\\" "$PWD"' ;;
	esac
	[ "$PS1" = "\\s-\\v\\\$ " ] && PS1="[\u@\h \W]\\$ "
fi
if ! shopt -q login_shell; then
	for i in /etc/profile.d/*.sh; do
		[ -r "$i" ] && . "$i" >/dev/null
	done
	unset i
fi
if [ "$UID" -gt 199 ] && [ "$(/usr/bin/id -gn)" = "$(/usr/bin/id -un)" ]; then
	umask 002
else
	umask 022
fi
END
rm -f /etc/bash.bashrc
mkdir -p /etc/profile.d
echo 'if [ -n "${LANG-}" ]; then export LANG; fi' >/etc/profile.d/lang.sh
: >/etc/profile.d/sh.local
rm -f /etc/skel/.profile
printf 'if [ -f ~/.bashrc ]; then\n\t. ~/.bashrc\nfi\n' >/etc/skel/.bash_profile
printf 'if [ -f /etc/bashrc ]; then\n\t. /etc/bashrc\nfi\n' >/etc/skel/.bashrc
: >/etc/skel/.bash_logout
rm -f /root/.profile
cp /etc/skel/.bash_profile /etc/skel/.bashrc /etc/skel/.bash_logout /root/

mkdir -p /etc/pki/ca-trust/extracted/pem /etc/pki/tls/certs /etc/sysconfig
cat /usr/share/ca-certificates/mozilla/*.crt >/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem
ln -s /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/pki/tls/certs/ca-bundle.crt
rm -rf /etc/ssl /usr/share/ca-certificates
mkdir /etc/ssl
ln -s ../pki/tls/certs /etc/ssl/certs

# No package manager of Debian's, none of its own tools.
rm -f /usr/bin/apt* /usr/bin/dpkg* /usr/sbin/adduser /usr/sbin/addgroup /usr/sbin/deluser /usr/sbin/delgroup
rm -rf /etc/apt /etc/dpkg /etc/alternatives/README /usr/lib/apt /usr/lib/dpkg /usr/share/dpkg /var/lib/apt /var/lib/dpkg /var/cache/apt
rm -f /etc/debian_version /etc/os-release
cat >/usr/lib/os-release <<'END'
NAME="EL-like"
PRETTY_NAME="a root like Enterprise Linux 9, made of Debian packages"
ID="el-like"
ID_LIKE="rhel fedora"
VERSION_ID="9"
END
ln -s ../usr/lib/os-release /etc/os-release
