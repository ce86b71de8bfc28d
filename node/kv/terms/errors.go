package terms

import (
	"errors"
	"fmt"
)

var (
	// ErrDead: the peer answered no try, or another incarnation or no member answered in its place.
	ErrDead = errors.New("peer is dead")
	// ErrRefused: the peer is alive and refuses the request.
	ErrRefused = errors.New("request refused")
	// ErrFull: a peer, or this host, lacks memory, the reserve included.
	ErrFull = errors.New("no memory is left, not even the reserve")
	// ErrPeerFull: ErrFull at a peer.
	ErrPeerFull = fmt.Errorf("%w", ErrFull)
	// ErrUnanswered: a member that may hold a newer version has not answered.
	ErrUnanswered = errors.New("cannot determine the newest version: a member that may have it does not answer")
	// ErrOvertaken: the range has a new owner, or this member's ownership of it has changed in extent or epoch.
	ErrOvertaken = errors.New("ownership has changed")
)
