# dockerd [OPTION...]: starts an engine in a container that may run one. In
# others it says what is missing, which the engine's own log says only in parts.
set -eu

refuse() {
	echo "dockerd: $1" >&2
	exit 1
}

# has N: whether this process has the capability of that number.
has() { (($((16#$capabilities)) >> $1 & 1)); }

# controllers: of version 2, allows the groups of containers to be limited. That
# needs a group without processes above them, which the container's own is not.
controllers() {
	local groups=/sys/fs/cgroup process
	[[ -e $groups/cgroup.controllers && $(</proc/self/cgroup) == 0::/ ]] || return 0
	mkdir -p $groups/openhands
	while read -r process; do
		# Some of those in the list have ended.
		echo "$process" >$groups/openhands/cgroup.procs || true
	done <$groups/cgroup.procs 2>/dev/null
	sed 's/^/+/; s/ / +/g' $groups/cgroup.controllers >$groups/cgroup.subtree_control
}

engine=/openhands/engine
export PATH=$engine/bin:$PATH:/openhands/fallback/bin XTABLES_LIBDIR=$engine/xtables
case " $* " in
*' --help '* | *' -h '* | *' --version '* | *' -v '* | *' --validate '*) exec dockerd "$@" ;;
esac

allow='start the container with --privileged, or with --runtime=sysbox-runc where the machine has Sysbox'
((EUID == 0)) || refuse "an engine needs root: sudo dockerd"
while IFS=$': \t' read -r name capabilities; do
	[[ $name != CapEff ]] || break
done </proc/self/status
has 21 || refuse "this container has no CAP_SYS_ADMIN, which an engine mounts file systems with: $allow"
has 12 || refuse "this container has no CAP_NET_ADMIN, which an engine makes networks with: $allow"
groups=(/sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs)
for group in "${groups[@]}"; do
	[[ ! -e $group ]] || break
done
[[ -w $group ]] || refuse "this container cannot write to /sys/fs/cgroup, where an engine makes the groups of its containers: $allow"
mkdir -p /var/lib/docker /var/run 2>/dev/null && [[ -w /var/lib/docker ]] ||
	refuse "this container cannot write to /var/lib/docker, where an engine keeps its images: mount a volume there"

controllers
# Kernels without nftables have the older form, or neither.
iptables -nL >/dev/null 2>&1 || PATH=$engine/legacy:$PATH
# Whoever became root for this may use it.
exec dockerd --group "${SUDO_GID:-0}" "$@"
