package netname

import (
	"errors"
	"fmt"
	"syscall"
)

// ListenError describes why a server cannot listen, in the same wording for all servers, and names
// the flag that chooses another address. perhaps names the program that may already use the
// address.
func ListenError(what, address, perhaps, flag string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: address %s is already in use, perhaps by another %s; choose another with %s", what, address, perhaps, flag)
	}
	return fmt.Errorf("%s: cannot listen on %s: %w; choose another address with %s", what, address, err, flag)
}
