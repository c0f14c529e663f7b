package buildx

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/docker/cli/cli-plugins/manager"
	"github.com/spf13/cobra"
)

// asked is the file of a plugin, and the version that it said it is of.
type asked struct {
	Path     string
	Mode     fs.FileMode
	Size     int64
	Modified int64 // in nanoseconds since 1970
	Version  string
}

// askedCache has the file and the version of buildx.
const askedCache = "buildx"

// Find returns the version of the docker buildx plugin and where it is. Errors
// are *problem.Error. Buildx takes longer to start than all else that 'version'
// does, so it is asked once, and again when its file is another.
func (c *Client) Find() (version, path string, err error) {
	file, err := c.file()
	if err != nil {
		return "", "", err
	}
	var before asked
	if state.Recall(askedCache, "version", &before) && before.Version != "" {
		file.Version = before.Version
		if file == before {
			return file.Version, file.Path, nil
		}
	}
	plugin, err := c.plugin()
	if err != nil {
		return "", "", err
	}
	if plugin.Path == file.Path {
		file.Version = plugin.Version
		state.Remember(askedCache, "version", file)
	}
	return plugin.Version, plugin.Path, nil
}

// file finds buildx without starting it: docker does not start a plugin of the
// name of a command that there is already.
func (c *Client) file() (asked, error) {
	commands := &cobra.Command{}
	commands.AddCommand(&cobra.Command{Use: pluginName})
	plugin, err := manager.GetPlugin(pluginName, c.CLI, commands)
	if err != nil {
		return asked{}, missing(err)
	}
	info, err := os.Stat(plugin.Path)
	if err != nil {
		return asked{}, broken(plugin.Path, err)
	}
	return asked{Path: plugin.Path, Mode: info.Mode(), Size: info.Size(), Modified: info.ModTime().UnixNano()}, nil
}

const pluginName = "buildx"

// plugin finds buildx as the docker command does, and asks what it is.
func (c *Client) plugin() (*manager.Plugin, error) {
	plugin, err := manager.GetPlugin(pluginName, c.CLI, &cobra.Command{})
	if err != nil {
		return nil, missing(err)
	}
	if plugin.Err != nil {
		return nil, broken(plugin.Path, plugin.Err)
	}
	return plugin, nil
}

func missing(err error) error {
	return problem.New(problem.NoBuildx, "the docker buildx plugin is missing", err, installBuildx)
}

func broken(path string, err error) error {
	return problem.New(problem.NoBuildx, fmt.Sprintf("the docker buildx plugin at %s does not work", path), err, installBuildx)
}
