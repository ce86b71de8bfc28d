package live

import "sync"

// A Subscription wakes its owner when something new was published. Wake-ups coalesce: one waits at most, so a slow
// owner costs nothing.
type Subscription struct {
	c    chan struct{}
	from *subscribers
}

// C is ready when something was published since the last receive.
func (s *Subscription) C() <-chan struct{} { return s.c }

// Close ends the subscription.
func (s *Subscription) Close() {
	s.from.mu.Lock()
	delete(s.from.all, s)
	s.from.mu.Unlock()
}

// subscribers are as many as the program's parts that subscribe: the hub, not its clients.
type subscribers struct {
	mu  sync.Mutex
	all map[*Subscription]struct{} // guarded by mu
}

// Subscribe returns a wake-up for every publication. Close it when done.
func (l *Live) Subscribe() *Subscription {
	s := &Subscription{c: make(chan struct{}, 1), from: &l.subs}
	l.subs.mu.Lock()
	defer l.subs.mu.Unlock()
	if l.subs.all == nil {
		l.subs.all = map[*Subscription]struct{}{}
	}
	l.subs.all[s] = struct{}{}
	return s
}

func (s *subscribers) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.all {
		select {
		case sub.c <- struct{}{}:
		default:
		}
	}
}
