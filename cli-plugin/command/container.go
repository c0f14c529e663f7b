package command

import (
	"errors"
	"strconv"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker/cli/opts"
	"github.com/moby/moby/api/types/container"
	"github.com/spf13/pflag"
)

// containerOptions are flags of "docker run", which mean here what they mean
// there, and those of a server's port and key.
type containerOptions struct {
	name       string
	port       port
	publish    opts.ListOpts
	network    string
	hosts      opts.ListOpts
	env        opts.ListOpts
	envFiles   opts.ListOpts
	key        string
	noKey      bool
	volumes    opts.ListOpts
	mounts     opts.MountOpt
	workingDir string
	labels     opts.ListOpts
	gpus       opts.GpuOpts
	memory     opts.MemBytes
	cpus       opts.NanoCPUs
	init       bool
	restart    string
	remove     bool
}

func (o *containerOptions) flags(f *pflag.FlagSet) {
	o.publish, o.envFiles, o.volumes = opts.NewListOpts(nil), opts.NewListOpts(nil), opts.NewListOpts(nil)
	o.hosts, o.env, o.labels = opts.NewListOpts(opts.ValidateExtraHost), opts.NewListOpts(opts.ValidateEnv), opts.NewListOpts(opts.ValidateLabel)
	f.StringVar(&o.name, "name", "", "Name of the container (default: one that tells the base)")
	f.Var(&o.port, "port", "Port of the server on 127.0.0.1 (default: a free one)")
	f.VarP(&o.publish, "publish", "p", "Publish a port of the container, on 127.0.0.1 if no address is said")
	f.StringVar(&o.network, "network", "", "Network of the container")
	f.Var(&o.hosts, "add-host", "Further name of a host, HOST:IP")
	f.VarP(&o.env, "env", "e", "Set a variable")
	f.Var(&o.envFiles, "env-file", "Read variables from a file")
	f.StringVar(&o.key, "session-key", "", "Key that callers have to send (default of the agent server: a new one)")
	f.BoolVar(&o.noKey, "no-session-key", false, "Start the agent server without a key: whoever reaches it can run commands")
	f.VarP(&o.volumes, "volume", "v", "Mount a folder of the engine's machine or a volume, SOURCE:PATH[:OPTIONS]")
	f.Var(&o.mounts, "mount", "Mount something, as docker's --mount has it")
	f.StringVarP(&o.workingDir, "workdir", "w", "", "Working directory")
	f.VarP(&o.labels, "label", "l", "Label of the container")
	f.Var(&o.gpus, "gpus", "GPUs for the container, or all")
	f.VarP(&o.memory, "memory", "m", "Memory limit")
	f.Var(&o.cpus, "cpus", "Number of CPUs")
	f.BoolVar(&o.init, "init", false, "Run the engine's init before that of the image")
	f.StringVar(&o.restart, "restart", "no", "When the engine starts a container with --detach again")
	f.BoolVar(&o.remove, "rm", false, "Remove the container when the server ends (default without --detach)")
	all := map[string]facts{"port": {group: groupContainer, modes: bothModes()}}
	for _, name := range []string{
		"name", "publish", "network", "add-host", "env", "env-file", "session-key", "no-session-key", "volume", "mount", "workdir",
		"label", "gpus", "memory", "cpus", "init", "restart", "rm",
	} {
		all[name] = facts{group: groupContainer, call: true}
	}
	annotate(f, all)
}

// options are what the flags say of a server that ends with this command or, if
// it is detached, goes on.
func (o *containerOptions) options(f *pflag.FlagSet, detach bool) (sandbox.Options, error) {
	s := sandbox.Options{
		Listed: true, Name: o.name, Port: uint16(o.port), Publish: o.publish.GetSlice(), Network: o.network, Hosts: o.hosts.GetSlice(),
		MakeKey: !o.noKey, Key: o.key, WorkingDir: o.workingDir, Volumes: o.volumes.GetSlice(), Mounts: o.mounts.Value(),
		Labels: opts.ConvertKVStringsToMap(o.labels.GetSlice()), GPUs: o.gpus.Value(), Memory: o.memory.Value(), NanoCPUs: o.cpus.Value(),
		Remove: o.remove && detach, // without, this command removes it
	}
	if f.Changed("init") {
		s.Init = &o.init
	}
	var err error
	if s.Env, err = opts.ReadKVEnvStrings(o.envFiles.GetSlice(), o.env.GetSlice()); err != nil {
		return s, problem.New(problem.Usage, "--env-file cannot be read", err, "Name a file of lines NAME=VALUE")
	}
	s.Restart, err = opts.ParseRestartPolicy(o.restart)
	if err == nil {
		err = container.ValidateRestartPolicy(s.Restart)
	}
	if err != nil {
		return s, problem.New(problem.Usage, "--restart cannot be understood", err, "Choose no, always, unless-stopped or on-failure[:TIMES]")
	}
	switch {
	case o.noKey && o.key != "":
		return s, problem.Usagef("--session-key and --no-session-key exclude each other")
	case !detach && !s.Restart.IsNone():
		return s, problem.Usagef("--restart is for --detach: without it the server ends with this command")
	}
	return s, s.Check()
}

// keep reports whether the container of a server that ends with this command
// stays.
func (o *containerOptions) keep(f *pflag.FlagSet) bool { return f.Changed("rm") && !o.remove }

// port is the value of a flag that names a port; 0: a free one.
type port uint16

func (p *port) Set(text string) error {
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return errors.New("a number from 1 to 65535 is needed")
	}
	*p = port(number)
	return nil
}

func (p *port) String() string { return strconv.Itoa(int(*p)) }

// Type is that of pflag's own value of a number.
func (p *port) Type() string { return "uint16" }
