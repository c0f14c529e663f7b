// Package pack turns what was installed in a Debian system into layers of a
// payload. A [Recipe] names the files of one component; [Build] copies them with
// the libraries that they need, leaves out what nothing misses, and seals the
// result. [Merge] unites the libraries of several components, and [Measure] says
// what a tree holds and which packages it is made from.
//
// What programs need, and how they are sealed, is the business of package
// bundler.
package pack
