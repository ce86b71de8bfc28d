package member

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chordconductor/node/chord"
)

// maxSuspicions bounds the suspicions held at the same time; the oldest is dropped first.
const maxSuspicions = 32

// suspicionList has the peers that did not answer a short while ago. Lookups skip them as long as
// other candidates remain, so that they do not wait for the same dead peer again and again. A
// message from the peer clears its suspicion.
type suspicionList struct {
	mu   sync.Mutex // for writers
	list atomic.Pointer[[]suspect]
}

type suspect struct {
	peer  chord.Peer
	until time.Time
}

func (s *suspicionList) add(p chord.Peer, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(s.held()), func(old suspect) bool { return old.peer == p })
	if len(list) == maxSuspicions {
		list = list[1:]
	}
	list = append(list, suspect{p, until})
	s.list.Store(&list)
}

func (s *suspicionList) clear(p chord.Peer) {
	if len(s.held()) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(s.held()), func(old suspect) bool { return old.peer == p })
	s.list.Store(&list)
}

// dead returns the predicate by which chord.Routes skips peers: whether a peer is suspected now. It
// returns nil if none is.
func (s *suspicionList) dead(clock func() time.Time) func(chord.Peer) bool {
	list := s.held()
	if len(list) == 0 {
		return nil
	}
	now := clock()
	return func(p chord.Peer) bool {
		return slices.ContainsFunc(list, func(held suspect) bool { return held.peer == p && held.until.After(now) })
	}
}

func (s *suspicionList) held() []suspect {
	if list := s.list.Load(); list != nil {
		return *list
	}
	return nil
}
