package live

import "sync"

// A Subscription wakes its owner after something new was published. Wake-ups coalesce: at most one waits, so that a
// slow owner costs nothing.
type Subscription struct {
	c    chan struct{}
	from *subscribers
}

// C returns a channel that is ready when something was published since the last receive.
func (s *Subscription) C() <-chan struct{} { return s.c }

// Close ends the subscription.
func (s *Subscription) Close() {
	s.from.mu.Lock()
	delete(s.from.all, s)
	s.from.mu.Unlock()
}

// subscribers has one entry for each part of the program that subscribes: the hub, not its clients.
type subscribers struct {
	mu  sync.Mutex
	all map[*Subscription]struct{} // guarded by mu
}

// Subscribe returns a Subscription that is woken after each publication; wake-ups coalesce. The caller must close it.
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
