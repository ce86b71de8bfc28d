package handoff

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/kv/termstest"
	"chordconductor/otel/chordevent"
)

// TestSending: whatever happens in whatever order, a member has one outgoing handoff at most, is responsible for its
// range until the release and not after it, and takes it back only as long as nothing else has changed what it owns.
func TestSending(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Sending
		self := termstest.Peer(40)
		own := &terms.Ownership{Owner: self, From: termstest.ID(10), Epoch: 1}
		inner := termstest.ID(20)
		var last *Outgoing
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				if own == nil || s.Current() != nil {
					return
				}
				to, until := termstest.Peer(20), inner // a joiner
				if !own.Covers(inner) || rapid.Bool().Draw(t, "leaves") {
					to, until = termstest.Peer(50), self.ID
				}
				before := last
				last = s.Begin(*own, "n", to, until, own.Epoch+1, chordevent.MoveLeave)
				if before != nil && before.ID == last.ID {
					t.Fatalf("two handoffs are %s", last.ID)
				}
			},
			"open": func(*rapid.T) {
				if m := s.Current(); m != nil {
					m.Open = true
				}
			},
			"abort":      func(*rapid.T) { s.Abort() },
			"superseded": func(*rapid.T) { s.Superseded(chord.Peer{ID: termstest.ID(50), Incarnation: 2}) },
			"changed": func(*rapid.T) { // another way, which gives up the handoff
				s.Abort()
				own = &terms.Ownership{Owner: self, From: inner, Epoch: last.epoch() + 2}
			},
			"release": func(t *rapid.T) {
				if last == nil {
					return
				}
				may := s.Current() == last && !last.Aborted && own != nil && !last.Released
				if last.Released {
					return
				}
				if got := s.Release(last, own); got != may {
					t.Fatalf("released: %v, want %v", got, may)
				}
				if may {
					if own = last.Left; (own != nil) != (last.To == inner) || own != nil && own.Overlaps(last.Grant) {
						t.Fatalf("%v is left beside %v", own, last.Grant)
					}
					if s.Handed() != last.Receiver {
						t.Fatal("handed to another")
					}
				}
			},
			"take back": func(t *rapid.T) {
				if last == nil || !last.Released {
					return
				}
				may := s.Current() == last && own == last.Left
				next := s.TakeBack(last, self, own)
				if (next != nil) != may {
					t.Fatalf("taken back: %v, want %v", next, may)
				}
				if next != nil {
					if !next.Beats(last.Grant) || next.From != last.From {
						t.Fatalf("%v against %v", next, last.Grant)
					}
					own = next
				}
				s.End(last)
			},
			"": func(t *rapid.T) {
				m := s.Current()
				if m != nil && m.Aborted {
					t.Fatal("the present handoff has been given up")
				}
				if writes := s.Writes(inner); writes != nil && (writes != m || !m.Open) {
					t.Fatal("writes go to another handoff, or one that is not open")
				}
				if past := s.Past(); past != nil && past != m {
					t.Fatal("another handoff is past its release")
				}
				if m != nil {
					if active, released := s.State(m.ID); active == released || released != m.Released {
						t.Fatalf("active %v, released %v", active, released)
					}
				}
			},
		})
	})
}

func (m *Outgoing) epoch() int64 {
	if m == nil {
		return 0
	}
	return m.Grant.Epoch
}

// TestReleaseOnRequest: a receiver can request the release of the handoff that it names, once all has been sent, once.
func TestReleaseOnRequest(t *testing.T) {
	var s Sending
	own := termstest.Ownership(10, 40, 1)
	m := s.Begin(own, "n", termstest.Peer(50), own.Owner.ID, 2, chordevent.MoveLeave)
	if s.Requested(m.ID) != nil {
		t.Error("it may be released before all has been sent")
	}
	m.Sent = true
	if s.Requested("another") != nil || s.Requested(m.ID) != m {
		t.Error("another may be released, or it may not")
	}
	if !s.Release(m, &own) || s.Requested(m.ID) != nil {
		t.Error("it may be released again")
	}
}

// TestMay: a handoff does not go on after it has been given up, nor after its deadline.
func TestMay(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, x := range []struct {
		m    Outgoing
		want error
	}{
		{Outgoing{}, nil}, {Outgoing{Deadline: now}, nil}, {Outgoing{Deadline: now.Add(-1)}, ErrLate},
		{Outgoing{Aborted: true, Deadline: now.Add(-1)}, ErrAborted},
	} {
		if err := x.m.May(now); !errors.Is(err, x.want) {
			t.Errorf("%+v: %v, want %v", x.m, err, x.want)
		}
	}
}
