package command

import (
	"bytes"
	"io"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/streams"
	"github.com/spf13/cobra"
)

func newLogs(dockerCLI command.Cli) *cobra.Command {
	var o sandbox.LogOptions
	cmd := &cobra.Command{
		Use:   "logs SERVER",
		Short: "Print the log of a server",
		Long: `Prints the log of a server that "docker openhands run" has started. The server
is named as "docker openhands ps" does, or by the start of its container's ID.`,
		Example:           `  docker openhands logs --follow --tail 20 openhands-alpine-3.20`,
		Args:              arguments(1, 1),
		ValidArgsFunction: completeServers(dockerCLI, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := connect(cmd.Context(), dockerCLI)
			if err != nil {
				return err
			}
			found, err := serversNamed(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			out, errOut := shown(dockerCLI.Out()), shown(dockerCLI.Err())
			if err := found[0].Log(cmd.Context(), e, o, out, errOut); err != nil {
				return err
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&o.Follow, "follow", "f", false, "Go on until the server ends")
	cmd.Flags().StringVarP(&o.Tail, "tail", "n", "all", "Number of lines from the end")
	cmd.Flags().StringVar(&o.Since, "since", "", "Lines since a time (2026-01-02T15:04:05Z) or for as long (10m)")
	cmd.Flags().BoolVarP(&o.Timestamps, "timestamps", "t", false, "Tell the time of each line")
	return cmd
}

// shown is where a log goes: a terminal obeys nothing of it, a file gets it as it
// is.
func shown(to *streams.Out) io.Writer {
	if to.IsTerminal() {
		return &logWriter{to: to}
	}
	return to
}

// logWriter writes whole lines, fit for a terminal.
type logWriter struct {
	to   io.Writer
	rest []byte
}

// longestLine is how much of a line is waited for, in bytes.
const longestLine = 64 << 10

func (w *logWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	end := bytes.LastIndexByte(w.rest, '\n') + 1
	if end == 0 && len(w.rest) > longestLine {
		end = len(w.rest)
	}
	text := strings.TrimSuffix(terminal.Log(string(w.rest[:end])), "\n")
	w.rest = w.rest[end:]
	if end > 0 {
		if _, err := io.WriteString(w.to, text+"\n"); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
