package member

import (
	"context"
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/kv"
	"chordconductor/node/nodepb"
)

// Two live members may have the same identifier: a joiner whose identifier is in use is refused,
// but during a partition each part of a ring can admit one. Once the parts have merged, the earlier
// incarnation of the two ends, and joins again under another identifier of its host, with the
// records that it holds. The later one keeps its place. A peer's report of a rival is not enough:
// the member pings the rival itself before it ends.

// maxMoves bounds how many identifiers in a row a member tries that other members have.
const maxMoves = 64

// A takenError is ErrTaken with the identifier in hex, and the address of the member that has it.
type takenError struct{ hex, addr string }

func (e takenError) Error() string        { return fmt.Sprintf("%v: %s at %s", ErrTaken, e.hex, e.addr) }
func (e takenError) Is(target error) bool { return target == ErrTaken }

// rival stores that p, another member, has this member's identifier.
func (m *Member) rival(p chord.Peer) {
	if p.ID != m.self.ID || p == m.self || !p.Real() || p.Incarnation == 0 || p.Addr == m.self.Addr {
		return // p is the member itself, or its earlier incarnation, which is gone
	}
	m.inbox.mu.Lock()
	m.inbox.rival = p
	m.inbox.mu.Unlock()
	m.wake.Set()
}

// introduce sends the earlier of two members with one identifier, after its call, a hint that names
// the later one.
func (m *Member) introduce(earlier, later chord.Peer) {
	_ = m.env.Go(m.host.in.unsampled, func(ctx context.Context) { // fails only if the member has ended, which then sends no hint
		m.sendHint(ctx, earlier, nodepb.HintRequest_KIND_OTHER_RING, later, 0)
	})
}

// resolveDuplicate pings a rival. If it is alive, the member with the later incarnation stays.
func (m *Member) resolveDuplicate(p chord.Peer) {
	if m.now.Load().phase != active {
		return // the join itself will find the rival
	}
	ctx := m.host.in.unsampled
	if _, _, err := m.ping(ctx, p); err != nil {
		return
	}
	if p.Incarnation < m.self.Incarnation || p.Incarnation == m.self.Incarnation && p.Addr < m.self.Addr {
		m.sendHint(ctx, p, nodepb.HintRequest_KIND_OTHER_RING, m.self, 0)
		return
	}
	taken := takenError{m.hex, p.Addr}
	if err := m.host.replace(m, taken); err != nil {
		m.host.report(fmt.Sprintf("%v; member ends, and %d keys with it unless other hosts have replicas", err, m.keys.Load().OwnedKeys))
		m.muted.Store(true)
		m.die()
	}
}

// replace ends a member whose identifier another member has, and in its place starts one at the
// next free index, with the same records. After an error nothing has changed.
func (h *Host) replace(old *Member, why takenError) error {
	if old.renamed >= maxMoves {
		return fmt.Errorf("%w, as have the %d identifiers tried before: no identifier of this host is free", why, old.renamed)
	}
	id, index, err := h.nextIdentifier()
	if err != nil {
		return err
	}
	next := newMember(h, id, index)
	next.renamed = old.renamed + 1
	if inheritor, ok := next.keys.(*kv.Keeper); ok {
		inheritor.Inherit(old.keys.(*kv.Keeper))
	}
	old.muted.Store(true) // only the later member emits events under the identifier
	old.die()
	h.report(fmt.Sprintf("%v: joining as %s instead", why, next.hex))
	_, err = h.launch(next)
	return err
}
