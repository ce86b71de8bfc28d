package member

import "fmt"

// Version is the version of the protocol between hosts. Version 1 has neither a version nor a
// physical clock in its messages. A host works with hosts of its own version, the previous one and
// the next one, so that the hosts of a ring can be upgraded or downgraded one after the other (see
// Call.version in node/nodepb/ring.proto).
//
// A field that a version adds must therefore be optional in the next one, too: if it is absent, the
// meaning is that of the previous version. test/e2e names the last commit of the previous version.
const Version = 2

// speaks returns an error if a peer's protocol version does not work with this host's.
func speaks(version uint32) error {
	version = max(version, 1)
	if version+1 >= Version && version <= Version+1 {
		return nil
	}
	return fmt.Errorf("the peer speaks protocol version %d, this host %d, which works with %d to %d", version, Version, max(Version-1, 1), Version+1)
}
