// Package reload holds values loaded from files, certificates above all, and loads them again when the files change. It
// has no background task: the files are checked when a value is read, once a second at most. Files that cannot be used
// leave the value as it is. What is not a regular file is read once, at the start. Node and conductor share it.
package reload
