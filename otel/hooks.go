package otel

import "sync"

// hooks are functions to call when something happens. Their number is that of the hosts of the process.
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

// call calls each, in no order, without holding the lock: one may add or remove others.
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
