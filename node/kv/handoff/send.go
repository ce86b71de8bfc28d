package handoff

import (
	"errors"
	"fmt"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/otel/chordevent"
)

// An Outgoing is a handoff to another member.
type Outgoing struct {
	terms.Arc // the range that is handed off
	ID        string
	Receiver  chord.Peer
	Grant     terms.Ownership // what the receiver owns afterwards
	Reason    chordevent.MoveReason
	Deadline  time.Time // the handoff is given up if it has not been released by then; zero: none

	Open     bool // the receiver takes part: every write is sent to it, and waits for it
	Sent     bool // all records have been sent
	Aborted  bool
	Released bool             // this member is not responsible any more, but the receiver, once it has taken the range over
	Left     *terms.Ownership // this member's ownership after the release

	Keys, Bytes int64 // sent so far; used only by the task that runs the handoff
}

// Event returns the event of a phase of the handoff.
func (m *Outgoing) Event(phase chordevent.MovePhase) chordevent.KeysMoved {
	return chordevent.KeysMoved{
		MoveID: m.ID, Phase: phase, Outgoing: true, Peer: chordevent.PeerRef{Peer: m.Receiver}, From: m.From, To: m.To,
		Keys: m.Keys, Bytes: m.Bytes, Reason: m.Reason,
	}
}

// ErrAborted reports that a handoff has been given up.
var ErrAborted = errors.New("the handoff was aborted")

// ErrLate reports that a handoff or a comparison of replicas was not complete within its time limit.
var ErrLate = errors.New("the transfer was not complete within its time limit")

// May returns an error if the handoff must not go on, before its release.
func (m *Outgoing) May(now time.Time) error {
	switch {
	case m.Aborted:
		return ErrAborted
	case !m.Deadline.IsZero() && now.After(m.Deadline):
		return ErrLate
	}
	return nil
}

// Sending is the source's side: the one outgoing handoff, until its commit is over.
type Sending struct {
	out      *Outgoing
	released string     // ID of the last one that was released
	handed   chord.Peer // its receiver
	begun    int64      // so far, to number them
}

// Current returns the outgoing handoff, or nil if there is none.
func (s *Sending) Current() *Outgoing { return s.out }

// Handed returns the receiver of the last handoff that was released.
func (s *Sending) Handed() chord.Peer { return s.handed }

// Begin begins the outgoing handoff of an owner's range up to a point; there must be no other one.
// name is the member's name in the handoff's ID.
func (s *Sending) Begin(own terms.Ownership, name string, receiver chord.Peer, until chord.ID, epoch int64, reason chordevent.MoveReason) *Outgoing {
	s.begun++
	s.out = &Outgoing{
		Arc:      terms.Arc{From: own.From, To: until},
		ID:       fmt.Sprintf("%s-%d-%d", name, own.Epoch, s.begun),
		Receiver: receiver,
		Grant:    terms.Ownership{Owner: receiver, From: own.From, Epoch: epoch},
		Reason:   reason,
	}
	return s.out
}

// Abort gives up the outgoing handoff, unless it is past its release.
func (s *Sending) Abort() {
	if s.out != nil && !s.out.Released {
		s.out.Aborted = true
		s.out = nil
	}
}

// Fail gives up a handoff, if it is the present one and not past its release.
func (s *Sending) Fail(m *Outgoing) {
	if s.out == m {
		s.Abort()
	}
}

// Superseded gives up a handoff to an earlier incarnation of a member, which has ended.
func (s *Sending) Superseded(p chord.Peer) {
	if s.out != nil && s.out.Receiver.ID == p.ID && s.out.Receiver.Incarnation < p.Incarnation {
		s.Abort()
	}
}

// Writes returns the handoff to which a write of a key must be sent, or nil if there is none.
func (s *Sending) Writes(id chord.ID) *Outgoing {
	if s.out != nil && s.out.Open && s.out.Covers(id) {
		return s.out
	}
	return nil
}

// Past returns the outgoing handoff if it is past its release, otherwise nil.
func (s *Sending) Past() *Outgoing {
	if s.out != nil && s.out.Released {
		return s.out
	}
	return nil
}

// Release makes the receiver responsible, and reports whether it has. The caller sets the register to what is left.
func (s *Sending) Release(m *Outgoing, own *terms.Ownership) bool {
	if m.Aborted || s.out != m || own == nil {
		return false
	}
	m.Released, s.released, s.handed = true, m.ID, m.Receiver
	if m.To != own.Owner.ID {
		m.Left = &terms.Ownership{Owner: own.Owner, From: m.To, Epoch: m.Grant.Epoch}
	}
	return true
}

// Requested returns the handoff whose release its receiver requests by its ID, if it may be released.
func (s *Sending) Requested(id string) *Outgoing {
	if m := s.out; m != nil && m.ID == id && m.Sent && !m.Released {
		return m
	}
	return nil
}

// TakeBack returns what this member owns if its receiver has not taken the range over, or nil if
// the register has changed since.
func (s *Sending) TakeBack(m *Outgoing, self chord.Peer, own *terms.Ownership) *terms.Ownership {
	if s.out != m || own != m.Left {
		return nil
	}
	s.released, s.handed = "", chord.Peer{}
	return &terms.Ownership{Owner: self, From: m.From, Epoch: m.Grant.Epoch + 1}
}

// End ends a handoff whose commit is over.
func (s *Sending) End(m *Outgoing) {
	if s.out == m {
		s.out = nil
	}
}

// State returns what the source answers to an inquiry about a handoff: whether it is active, or has been released.
func (s *Sending) State(id string) (active, released bool) {
	switch {
	case id == "":
	case s.out != nil && s.out.ID == id && !s.out.Released:
		return true, false
	case s.released == id:
		return false, true
	}
	return false, false
}
