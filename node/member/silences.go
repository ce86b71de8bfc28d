package member

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxSilences bounds the hosts stored as silent; the one that has been silent longest is dropped
// first.
const maxSilences = 64

// silences has the hosts that answered none of a query's tries and have sent nothing since. The
// members of a host share it: a report about a member of a host that has become silent since the
// report was received is out of date, whichever member it names. Without this, each queued report
// would cost a time limit.
type silences struct {
	mu   sync.Mutex
	list atomic.Pointer[[]silence] // written under mu; mostly empty, and read at every call
}

type silence struct {
	addr  string
	since time.Time
}

func (s *silences) note(addr string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(s.held()), func(old silence) bool { return old.addr == addr })
	if len(list) == maxSilences {
		list = slices.Delete(list, 0, 1)
	}
	list = append(list, silence{addr, now})
	s.list.Store(&list)
}

// clear removes a host that has sent a message.
func (s *silences) clear(addr string) {
	if !slices.ContainsFunc(s.held(), func(held silence) bool { return held.addr == addr }) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(s.held()), func(old silence) bool { return old.addr == addr })
	s.list.Store(&list)
}

// after reports whether a host has been silent since t or later.
func (s *silences) after(addr string, t time.Time) bool {
	return slices.ContainsFunc(s.held(), func(held silence) bool { return held.addr == addr && !held.since.Before(t) })
}

func (s *silences) held() []silence {
	if p := s.list.Load(); p != nil {
		return *p
	}
	return nil
}
