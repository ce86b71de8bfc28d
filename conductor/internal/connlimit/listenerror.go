package connlimit

import (
	"errors"
	"fmt"
	"syscall"
)

// ListenError says why a server cannot listen, in one wording for all of them, and which flag to change.
func ListenError(what, address, flag string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: address %s is already in use, perhaps by another conductor or Collector; choose another with %s", what, address, flag)
	}
	return fmt.Errorf("%s: cannot listen on %s: %w; choose another address with %s", what, address, err, flag)
}
