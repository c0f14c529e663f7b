# Defines what runs the proofs of components. It reads $arch, the architecture of
# the payload in /openhands, and adds to the file $unproven the components whose
# proofs this machine cannot run. A processor can be emulated for it: programs
# are then started by the kernel's binfmt_misc.
native=$(dpkg --print-architecture)
runs=yes
[ "$arch" = "$native" ] || /openhands/lib/ld.so --version >/dev/null 2>&1 || runs=

# prove NAME EMULATED ARGUMENT...: the proof of a component; EMULATED are words
# that follow on an emulated processor.
prove() {
	name=$1 emulated=$2
	shift 2
	if [ -z "$runs" ]; then
		echo "no proof of $name: nothing here runs programs for $arch"
		echo "$name" >>"$unproven"
		return
	fi
	echo "proof of $name"
	[ "$arch" = "$native" ] || set -- "$@" $emulated
	said=$(mktemp)
	"$@" </dev/null >"$said" 2>&1 || {
		cat "$said"
		echo "component $name does not work"
		exit 1
	}
	rm "$said"
}
