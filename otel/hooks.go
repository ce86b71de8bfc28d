package otel

import "sync"

// hooks are functions to call when something happens. Their number is that of the members of the process.
type hooks struct {
	mu   sync.Mutex
	next int
	list []hook // in the order they were added
}

type hook struct {
	number int
	call   func()
}

func (h *hooks) add(f func()) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	number := h.next
	h.next++
	h.list = append(h.list, hook{number, f})
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for i := range h.list {
			if h.list[i].number == number {
				// A new list: call may be walking the old one.
				h.list = append(append([]hook(nil), h.list[:i]...), h.list[i+1:]...)
				return
			}
		}
	}
}

func (h *hooks) call() {
	h.mu.Lock()
	list := h.list
	h.mu.Unlock()
	for _, one := range list {
		one.call()
	}
}
