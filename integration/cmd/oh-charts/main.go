// oh-charts draws the charts of docs/benchmarks.md from the tables in it, and
// puts them into the page:
//
//	go run ./integration/cmd/oh-charts docs/benchmarks.md
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/docker-openhands/docker-openhands/integration/bench/charts"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oh-charts:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: oh-charts PAGE")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	page, err := charts.Illustrate(string(text))
	if err != nil {
		return err
	}
	folder := filepath.Join(filepath.Dir(args[0]), charts.Folder)
	if err := os.RemoveAll(folder); err != nil { // with the charts of before
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, c := range charts.All() {
		svg, err := c.Draw(page)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, c.File), svg, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(args[0], []byte(page), 0o644)
}
