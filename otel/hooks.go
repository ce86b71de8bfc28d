package otel

import "sync"

// hooks are functions to call when something happens. There is at most one for each host of the
// process.
type hooks struct {
	mu    sync.Mutex
	next  int
	calls map[int]func()
}

func (h *hooks) add(f func()) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	number := h.next
	h.next++
	if h.calls == nil {
		h.calls = map[int]func(){}
	}
	h.calls[number] = f
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.calls, number)
	}
}

// call calls all hooks, in no particular order. It does not hold the lock, since a hook may add or
// remove hooks.
func (h *hooks) call() {
	h.mu.Lock()
	all := make([]func(), 0, len(h.calls))
	for _, f := range h.calls {
		all = append(all, f)
	}
	h.mu.Unlock()
	for _, f := range all {
		f()
	}
}
