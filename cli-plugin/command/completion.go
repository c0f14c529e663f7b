package command

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	mobyclient "github.com/moby/moby/client"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newCompletion(dockerCLI command.Cli) *cobra.Command {
	shells := map[string]func(*cobra.Command, io.Writer) error{
		"bash":       func(c *cobra.Command, w io.Writer) error { return c.GenBashCompletionV2(w, true) },
		"zsh":        (*cobra.Command).GenZshCompletion,
		"fish":       func(c *cobra.Command, w io.Writer) error { return c.GenFishCompletion(w, true) },
		"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	}
	names := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the script that completes this command in a shell",
		Long: `Prints a script for a shell to read. Called as a docker plugin it completes the
docker command with all of its plugins, called as docker-openhands this program.`,
		Example: `  source <(docker openhands completion bash)
  docker-openhands completion zsh > ~/.zfunc/_docker-openhands`,
		Args:      arguments(1, 1),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			generate, known := shells[args[0]]
			if !known {
				return problem.Usagef("%q is not %s", args[0], strings.Join(names, ", "))
			}
			program := "docker"
			if plugin.RunningStandalone() {
				program = "docker-" + name
			}
			// The scripts ask the program itself and need no more than its name.
			return generate(&cobra.Command{Use: program}, dockerCLI.Out())
		},
	}
}

// completionPatience is how long a shell waits for the names of images.
const completionPatience = 3 * time.Second

// completeAll lets every command below root complete the values of its flags as
// their facts say, and an argument that its usage calls IMAGE.
func completeAll(root *cobra.Command, dockerCLI command.Cli) {
	for _, cmd := range root.Commands() {
		completeAll(cmd, dockerCLI)
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if complete := completionOf(factsOf(f), dockerCLI); complete != nil {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // fails only where one is registered
			}
		})
		if cmd.ValidArgsFunction == nil && strings.Contains(cmd.Use, "IMAGE") {
			cmd.ValidArgsFunction = completeImages(dockerCLI, engine.RuntimeNames, 1)
		}
	}
}

// completionOf completes the value of a flag; nil leaves it to the shell.
func completionOf(f facts, dockerCLI command.Cli) cobra.CompletionFunc {
	switch f.suggests {
	case suggestBases:
		return completeImages(dockerCLI, engine.BaseNames, -1)
	case suggestPayloads:
		return completeImages(dockerCLI, engine.DepsNames, -1)
	case suggestRuntimes:
		return completeImages(dockerCLI, engine.RuntimeNames, -1)
	case suggestServers:
		return cobra.FixedCompletions(serverNames(), cobra.ShellCompDirectiveNoFileComp)
	case suggestClients:
		return completeList(append(client.Names(), client.Every))
	case suggestOptional:
		return completeComponents(func(c templates.Component) bool { return c.Optional })
	case suggestStandard:
		return completeComponents(func(c templates.Component) bool { return !c.Optional })
	case suggestPlatforms:
		return completeList([]string{"linux/amd64", "linux/arm64"})
	case suggestReleases:
		return completeReleases
	case suggestFiles:
		return completeFiles
	case suggestFolders:
		return completeFolders
	case suggestTOML:
		return completeTOML
	case suggestArchives:
		return completePrefixed("type=docker,dest=", "type=oci,dest=")
	case suggestConfigs:
		return completePrefixed("apt=", "ca=", "npm=", "pip=", "uv=")
	}
	if len(f.choices) > 0 {
		return cobra.FixedCompletions(f.choices, cobra.ShellCompDirectiveNoFileComp)
	}
	return nil
}

func serverNames() []string {
	var names []string
	for _, s := range payload.Servers() {
		names = append(names, s.Name)
	}
	return names
}

// completeComponents suggests names of built-in components.
func completeComponents(suggested func(templates.Component) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		all, err := templates.Components()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveError
		}
		var names []string
		for _, c := range all {
			if suggested(c) {
				names = append(names, c.Name)
			}
		}
		return completeList(names)(cmd, args, toComplete)
	}
}

// completeReleases suggests what a payload of the server that --server names can
// be of, the newest first.
func completeReleases(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	all, err := request.Components(nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveError
	}
	server, _ := cmd.Flags().GetString("server") // fails only without the flag
	versions, _ := templates.Releases(all, server)
	slices.Reverse(versions)
	return versions, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeImages suggests names of images of the engine, see completeFromEngine.
func completeImages(dockerCLI command.Cli, which engine.Names, limit int) cobra.CompletionFunc {
	return completeFromEngine(dockerCLI, limit, func(ctx context.Context, api mobyclient.APIClient) ([]string, error) {
		names, err := engine.ImageNames(ctx, api, which)
		if err == nil && which == engine.BaseNames {
			names = append(names, plan.Scratch)
		}
		return names, err
	})
}

// completeFromEngine suggests names that an engine has, to the value of a flag
// where limit is negative, and else to so many arguments.
func completeFromEngine(dockerCLI command.Cli, limit int, list func(context.Context, mobyclient.APIClient) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if limit >= 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		failed := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveError
		api, err := engineAPI(dockerCLI)
		if err != nil {
			return nil, failed
		}
		names, err := list(ctx, api)
		if err != nil {
			return nil, failed
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeList suggests a further element of a comma-separated list.
func completeList(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		before := toComplete[:strings.LastIndexByte(toComplete, ',')+1]
		taken := strings.Split(before, ",")
		var suggested []string
		for _, value := range values {
			if !slices.Contains(taken, value) {
				suggested = append(suggested, before+value)
			}
		}
		return suggested, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}
