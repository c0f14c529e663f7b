# Makes a Debian root file system look like one of Ubuntu 24.04, as far as that
# can be had of Debian's packages: its account, its environment, its shells'
# start-up. It runs inside the root.
set -eu

sed -i 's/^#\? *HOME_MODE.*/HOME_MODE 0750/' /etc/login.defs
useradd --create-home --uid 1000 --shell /bin/bash --comment Ubuntu --groups adm,cdrom,sudo,dip,plugdev ubuntu
chmod 750 /home/ubuntu

echo 'PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games:/usr/local/games:/snap/bin"' >/etc/environment

# Unlike Debian's it leaves PATH alone.
cat >/etc/profile <<'END'
if [ "${PS1-}" ]; then
	if [ "${BASH-}" ] && [ "$BASH" != /bin/sh ]; then
		if [ -f /etc/bash.bashrc ]; then
			. /etc/bash.bashrc
		fi
	fi
fi
for i in /etc/profile.d/*.sh; do
	if [ -r "$i" ]; then
		. "$i"
	fi
done
unset i
END
mkdir -p /etc/profile.d
cat >/etc/bash.bashrc <<'END'
[ -z "$PS1" ] && return
shopt -s checkwinsize
PS1='\u@\h:\w\$ '
if [ ! -e "$HOME/.sudo_as_admin_successful" ] && [ ! -e "$HOME/.hushlogin" ]; then
	case " $(groups) " in
	*\ admin\ *|*\ sudo\ *)
		if [ -x /usr/bin/sudo ]; then
			printf '%s\n' 'To run a command as administrator, use "sudo <command>".' ''
		fi ;;
	esac
fi
if [ -x /usr/lib/command-not-found ]; then
	command_not_found_handle() { /usr/lib/command-not-found -- "$1"; }
fi
END

rm -f /etc/debian_version /etc/os-release
cat >/usr/lib/os-release <<'END'
NAME="Ubuntu-like"
PRETTY_NAME="a root like Ubuntu 24.04, made of Debian packages"
ID="ubuntu-like"
ID_LIKE="ubuntu debian"
VERSION_ID="24.04"
END
ln -s ../usr/lib/os-release /etc/os-release
