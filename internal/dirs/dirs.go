// Package dirs makes directories, and removes those it has made if it cannot make all. Packages
// that keep files call it.
package dirs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Make makes a directory and its missing parents. If it fails, none of them is left.
func Make(path string, mode fs.FileMode) error {
	var missing []string // the deepest first
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		_, err := os.Stat(at)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) { // an invalid name, or a file in the path
			return err
		}
		missing = append(missing, at)
	}
	err := os.MkdirAll(path, mode)
	if err != nil {
		for _, dir := range missing {
			_ = syscall.Rmdir(dir) // removes only an empty directory
		}
	}
	return err
}
