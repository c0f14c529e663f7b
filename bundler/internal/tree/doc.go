// Package tree reads and writes trees of files: directories that stand for "/",
// with paths inside that are absolute and slash-separated. No symbolic link is
// followed in them.
package tree
