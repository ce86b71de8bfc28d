package member

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxSilences bounds the hosts remembered as silent; the one that has been so longest goes first.
const maxSilences = 64

// silences are the hosts that answered none of a query's tries and have not been heard since. A host shares them among
// its members: word about a member of a host that has fallen silent since the word was received is out of date, whoever
// of that host it names. Words that wait in a queue would otherwise cost a time limit each.
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

// clear takes a sign of life into account.
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
