package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/docker-openhands/docker-openhands/cli-plugin/command"
)

// stageFiles writes into a new folder what lies beside the program, the same for
// every platform: texts, manual pages, completions.
func stageFiles(stage string, created time.Time) error {
	for _, folder := range []string{"man/man1", "completions"} {
		if err := os.MkdirAll(filepath.Join(stage, folder), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"LICENSE", "THIRD_PARTY_NOTICES.md", "README.md", "CHANGELOG.md"} {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(stage, name), data, 0o644); err != nil {
			return err
		}
	}
	if err := manual(filepath.Join(stage, "man", "man1"), created); err != nil {
		return err
	}
	return completions(filepath.Join(stage, "completions"))
}

// manual writes a page for each command, docker-openhands-build.1 and others.
func manual(folder string, created time.Time) error {
	root, err := command.Tree()
	if err != nil {
		return err
	}
	quiet(root)
	header := &doc.GenManHeader{Section: "1", Source: "docker-openhands", Manual: "Docker User Manuals", Date: &created}
	if err := doc.GenManTree(root, header, folder); err != nil {
		return fmt.Errorf("writing the manual: %w", err)
	}
	return nil
}

// quiet keeps the day of the build out of the pages.
func quiet(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true
	for _, child := range cmd.Commands() {
		quiet(child)
	}
}

// completions writes scripts for the program when it is called by its own name;
// called by docker, it is completed by docker's.
func completions(folder string) error {
	cmd := &cobra.Command{Use: program}
	for name, generate := range map[string]func(io.Writer) error{
		program + ".bash": func(w io.Writer) error { return cmd.GenBashCompletionV2(w, true) },
		"_" + program:     cmd.GenZshCompletion,
		program + ".fish": func(w io.Writer) error { return cmd.GenFishCompletion(w, true) },
	} {
		var script bytes.Buffer
		if err := generate(&script); err != nil {
			return fmt.Errorf("writing the completion %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), script.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
