package hub

import (
	"context"
	"time"
)

// What clients take in memory is bounded by Config.Memory: a fixed size for each, for which a third of it is made at most, and
// the messages that are kept or being sent, each counted once for all clients. A message is made even when there is no
// room, or the page would stand still; but then the client that has taken nothing for longest is sent away, and who needs
// another message waits until there is room. So there is one more at most for each frame that is made meanwhile.
const (
	clientSize = 48 << 10 // goroutines, buffers, and the details of the member that it watches
	minSlots   = 8
	patience   = 5 * time.Second // to wait for room
	stalled    = time.Second     // a client that has taken nothing for so long gives its place to another
)

// clientsIn is how many clients the memory is for.
func (c *Config) clientsIn() int {
	if c.Memory == nil {
		return c.MaxClients
	}
	return min(c.MaxClients, max(minSlots, int(c.Memory.Limit()/3/clientSize)))
}

// enter takes a place, that of a client which does not read if need be.
func (h *Hub) enter(ctx context.Context) bool {
	select {
	case h.slots <- struct{}{}:
		return true
	default:
	}
	if !h.log.readers.CutStalled(stalled) {
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
	held int // guarded by reel.mu; how often: by the reel, and by clients
}

// hold counts a new message, for the reel. mu is held.
func (r *frameLog) hold(data []byte) *message {
	r.cfg.Memory.Hold(int64(len(data)))
	return &message{data: data, held: 1}
}

// share holds a message once more. reel.mu is held.
func (m *message) share() *message {
	m.held++
	return m
}

// letGo takes a hold back. mu is held.
func (r *frameLog) letGo(m *message) {
	if m == nil {
		return
	}
	if m.held--; m.held == 0 {
		r.readers.Give(int64(len(m.data)))
	}
}

// release lets a client's messages go.
func (r *frameLog) release(messages []*message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range messages {
		r.letGo(m)
	}
}
