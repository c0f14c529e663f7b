package main

import (
	"fmt"
	"io"

	"github.com/u-root/u-root/pkg/ldd"
)

// urootTool is the first argument that makes this program print what u-root's
// package ldd finds for the files that follow: it has no program that goes on
// after a file that it cannot resolve.
const urootTool = "u-root-ldd"

func urootLdd(w io.Writer, names []string) {
	for _, name := range names {
		libraries, err := ldd.List(name)
		if err != nil {
			fmt.Fprintf(w, "%s: %v\n", name, err)
			continue
		}
		fmt.Fprintln(w, name, libraries)
	}
}
