// Package bundler makes a folder of programs independent of the system under
// it. It reads the dynamic section of ELF files, finds what they need as the
// dynamic loaders of the GNU C library and of musl would, gathers it under one
// prefix and seals the result: loader, search paths and compiled-in paths are
// replaced in place, so that nothing in a file moves.
//
// The parts, from the bottom up:
//
//   - [ReadObject] reads what a loader reads of an ELF file.
//   - [View] is a union of root directories with symbolic links resolved inside.
//   - [Loader] is how a dynamic loader searches, [FindLoader] the one of a file.
//   - [Resolver] finds the closure of a file in a View, [System] with the loader
//     that each file has.
//   - [CopyClosure] copies files with what they need; [FindDependencies] says what
//     a whole tree needs of a system.
//   - [Strip] cuts off what only debuggers read, [Rewrite] replaces a compiled-in
//     path.
//   - [Sealer] patches the ELF files of a tree in place.
//   - [Verify] checks that a sealed tree needs nothing of the system under it,
//     [Permissions] that everybody can use it and root alone change it.
//   - [Trace] runs a program and reports what it opens outside of its tree.
//
// Paths inside a tree are absolute and slash-separated ("/openhands/lib/ld.so");
// the directory that stands for "/" is passed beside them.
package bundler
