//go:build !linux

package pack

// isMount answers for systems on which no component is built: nothing is
// mounted below a tree there.
func isMount(string) bool { return false }
