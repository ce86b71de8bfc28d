package member

import (
	"context"
	"slices"
	"sync/atomic"

	"chordconductor/node/chord"
)

// crashedHosts has what one stabilize round has found out about hosts with a dead member. Virtual
// nodes of one host fail together: if they were pinged one after the other, a list full of them
// would cost a time limit each.
type crashedHosts struct {
	asked []string // addresses of hosts; at most as many as the successor list has entries
	dead  []chord.Peer
}

// took reports whether p has been found dead together with its host.
func (c *crashedHosts) took(p chord.Peer) bool { return slices.Contains(c.dead, p) }

// check pings all members at addr that the successor list names, concurrently, and notes those that
// are dead. It does so once for each host in a round. An error means that the calling member is
// gone.
func (c *crashedHosts) check(m *Member, r *round, addr string) error {
	if slices.Contains(c.asked, addr) {
		return nil
	}
	c.asked = append(c.asked, addr)
	peers := slices.DeleteFunc(slices.Clone(m.State().Live()), func(p chord.Peer) bool { return p.Addr != addr })
	if len(peers) == 0 {
		return nil
	}
	dead := make([]bool, len(peers))
	done, left := m.env.NewSignal(), atomic.Int32{}
	left.Store(int32(len(peers)))
	for i, p := range peers {
		if err := m.env.Go(r.ctx, func(ctx context.Context) {
			alive, err := m.alive(ctx, p)
			dead[i] = err == nil && !alive
			if left.Add(-1) == 0 {
				done.Set()
			}
		}); err != nil {
			return errGone
		}
	}
	if done.Wait(0) != nil {
		return errGone
	}
	for i, p := range peers {
		if dead[i] {
			c.dead = append(c.dead, p)
		}
	}
	return nil
}
