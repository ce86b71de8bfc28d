package hub

import (
	"context"
	"time"
)

// Config.Memory bounds the memory of clients: a fixed size for each (the hub allows as many clients as a third of the
// memory holds), and the messages that are kept or being sent, each counted once for all clients. A message is made
// even when no memory is left, or the page would stop; but then the client that has received nothing for longest is
// disconnected, and a client that needs another message waits until there is memory. So the excess is at most one
// message for each frame that is made meanwhile.
const (
	clientSize = 48 << 10 // bytes: goroutines, buffers, and the details of the member that the client watches
	minSlots   = 8
	patience   = 5 * time.Second // to wait for room
	stalled    = time.Second     // a client that has not received anything for this time may lose its slot to another
)

// clientsIn returns the number of clients that the memory allows.
func (c *Config) clientsIn() int {
	if c.Memory == nil {
		return c.MaxClients
	}
	return min(c.MaxClients, max(minSlots, int(c.Memory.Limit()/3/clientSize)))
}

// enter takes a slot, if necessary that of a client that has received nothing for a while.
func (h *Hub) enter(ctx context.Context) bool {
	select {
	case h.slots <- struct{}{}:
		return true
	default:
	}
	if !h.log.readers.DropStalled(stalled) {
		return false
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// A message is encoded once and shared; its data is not changed.
type message struct {
	data []byte
	held int // guarded by frameLog.mu; the number of holds: by the frame log, and by clients
}

// hold takes memory for a new message of the frame log. The caller holds mu.
func (r *frameLog) hold(data []byte) *message {
	r.cfg.Memory.Hold(int64(len(data)))
	return &message{data: data, held: 1}
}

// share adds a hold on a message. The caller holds frameLog.mu.
func (m *message) share() *message {
	m.held++
	return m
}

// letGo removes a hold. The caller holds mu.
func (r *frameLog) letGo(m *message) {
	if m == nil {
		return
	}
	if m.held--; m.held == 0 {
		r.readers.Give(int64(len(m.data)))
	}
}

// release removes a client's holds on its messages.
func (r *frameLog) release(messages []*message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range messages {
		r.letGo(m)
	}
}
