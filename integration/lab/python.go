package lab

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// PythonEnv returns the Python of a virtual environment with the packages that a
// file of requirements names, for reading only. It is installed through this
// machine's pip and uv once for each content of the file, and kept in the user's
// cache folder. The version is Python's, for example 3.13.
func PythonEnv(ctx context.Context, version, requirements string, log io.Writer) (string, error) {
	wanted, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("python%s-%s-%x", version, strings.TrimSuffix(filepath.Base(requirements), ".txt"), sha256.Sum256(wanted))[:48]
	dir, err := cachedRoot(name, func(dir string) error {
		python, err := findPython(ctx, version)
		if err != nil {
			return err
		}
		fmt.Fprintf(log, "python: installing %s\n", requirements)
		return InstallPython(ctx, python, dir, log, "--requirement", requirements)
	})
	return filepath.Join(dir, "bin", "python"), err
}

// InstallPython makes a virtual environment of a Python in a folder and installs
// in it what the arguments of "uv pip install" name.
func InstallPython(ctx context.Context, python, dir string, log io.Writer, install ...string) error {
	if err := stream(exec.CommandContext(ctx, python, "-m", "venv", dir), log); err != nil {
		return fmt.Errorf("making an environment with %s: %w", python, err)
	}
	// pip takes very long to choose among the versions of 300 packages.
	bin := filepath.Join(dir, "bin")
	if err := stream(exec.CommandContext(ctx, filepath.Join(bin, "pip"), "install", "--quiet", "uv"), log); err != nil {
		return fmt.Errorf("installing uv: %w", err)
	}
	uv := append([]string{"pip", "install", "--quiet", "--compile-bytecode", "--python", filepath.Join(bin, "python")}, install...)
	if err := stream(exec.CommandContext(ctx, filepath.Join(bin, "uv"), uv...), log); err != nil {
		return fmt.Errorf("installing %s: %w", strings.Join(install, " "), err)
	}
	return nil
}

// findPython returns the path of a Python of a version: one on PATH, else one of
// pyenv's, whose programs on PATH work for the chosen versions only.
func findPython(ctx context.Context, version string) (string, error) {
	root, err := output(exec.CommandContext(ctx, "pyenv", "root"))
	if err != nil { // which need not be on PATH
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		root = filepath.Join(home, ".pyenv")
	}
	found, err := filepath.Glob(filepath.Join(root, "versions", version+".*", "bin", "python"+version))
	if err != nil {
		return "", err
	}
	candidates := append([]string{"python" + version}, found...)
	for _, python := range candidates {
		path, err := output(exec.CommandContext(ctx, python, "-c", "import sys; print(sys.executable)"))
		if err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no Python %s on this machine: install python%s with its venv", version, version)
}
