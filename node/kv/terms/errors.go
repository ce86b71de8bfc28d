package terms

import (
	"errors"
	"fmt"
)

var (
	// ErrDead: the peer answered no try, or another incarnation or no member answered in its place.
	ErrDead = errors.New("peer is dead")
	// ErrRefused: the peer is alive and refuses the request.
	ErrRefused = errors.New("refused")
	// ErrFull: a peer, or this host, lacks memory, the reserve included.
	ErrFull = errors.New("no memory left, reserve included")
	// ErrPeerFull: ErrFull at a peer.
	ErrPeerFull = fmt.Errorf("%w", ErrFull)
	// ErrUnanswered: a member that may hold a newer version has not answered.
	ErrUnanswered = errors.New("newest version unknown")
	// ErrOvertaken: the range has a new owner, or this member's ownership of it has changed in extent or epoch.
	ErrOvertaken = errors.New("ownership has changed")
)
