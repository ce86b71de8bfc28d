package ring

import (
	"fmt"
	"time"
)

// Owners report the number of hosts that hold their keys, and the number of hosts that they know. Whether that is too
// few is decided here, by the hosts in the view: a member that has lost contact with a host cannot detect the
// shortfall.

// replicaGrace is how long keys may be under-replicated: the time that it takes to find another host and to copy a
// range of some size to it. Together with the second between two load reports and the delivery of telemetry, a
// shortfall is a violation within 20 s.
const replicaGrace = 12 * time.Second

// updateHosting updates the number of hosts that can hold replicas after a change of x, and then x's own shortfall. A
// host counts while some certain member of it is active.
func (r *Ring) updateHosting(x *record) {
	hosting := ""
	if x.counted && x.status == Active && !x.uncertain {
		hosting = x.host.Address
	}
	if was := x.hosting; was != hosting {
		x.hosting = hosting
		if hosting != "" {
			r.hosts[hosting]++
		}
		if r.hosts[was]--; r.hosts[was] <= 0 {
			delete(r.hosts, was)
		}
		r.tolerated = false
		r.updateNeeded()
	}
	r.updateShort(x)
}

// updateNeeded applies a change of the number of hosts or of R.
func (r *Ring) updateNeeded() {
	if needed := min(r.parameters.replicas, len(r.hosts)); needed != r.needed {
		r.needed = needed
		r.tree.all(r.updateShort)
	}
}

// updateShort compares the replicas that an owner reports with what the ring's hosts allow. A member that knows too few
// hosts has a shortfall even without keys: its next keys will be on too few hosts. A member that does not report these
// numbers (see chordevent.Load) is left out.
func (r *Ring) updateShort(x *record) {
	l := &x.load.val
	short := x.owns && x.status == Active && l.KnownHosts > 0 &&
		(l.KnownHosts < int64(r.needed) || l.OwnedKeys > 0 && l.FullReplicas < int64(r.needed))
	if short {
		r.breach(UnderReplicated, x).short = r.shortfall(x)
	}
	if short == x.short {
		return
	}
	set(&x.short, short, &r.shorts)
	if !short {
		r.resolveBreach(UnderReplicated, x)
	}
}

// A shortfall is what was last wrong with an owner's replicas. A violation keeps it when it heals: by then the owner's
// report shows nothing wrong.
type shortfall struct {
	owned, full, known, under int64 // as the owner reports: its keys, the hosts that hold all of them, the hosts that it knows, the keys on too few hosts
	needed, hosts, replicas   int
}

func (r *Ring) shortfall(x *record) shortfall {
	l := &x.load.val
	return shortfall{l.OwnedKeys, l.FullReplicas, l.KnownHosts, l.UnderReplicated, r.needed, len(r.hosts), r.parameters.replicas}
}

// String describes in one sentence what is wrong.
func (s shortfall) String() string {
	if s.known < int64(s.needed) {
		return fmt.Sprintf("its %s are on %d of %d hosts: it knows %d of the %d hosts on the ring", keys(s.owned), s.full, s.needed, s.known, s.hosts)
	}
	return fmt.Sprintf("its %s are not all on %d hosts: %d hold all of them, %d are on fewer than %d", keys(s.owned), s.needed, s.full, s.under, s.replicas)
}

func keys(n int64) string {
	if n == 1 {
		return "1 key"
	}
	return fmt.Sprintf("%d keys", n)
}
