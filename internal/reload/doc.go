// Package reload holds what is made of files, certificates above all, and makes it again when the files change. Nothing
// runs in between: the files are looked at when the value is asked for, once a second at most. Files that cannot be used
// leave the value as it is. Node and conductor share it.
package reload
