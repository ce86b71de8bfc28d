package live

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

// maxForeign bounds the senders of other rings' events that are listed; of further senders only the events are counted.
const maxForeign = 20

// foreignFor is how long after its last event a foreign sender keeps its place in a full list. After that a new sender
// replaces it.
const foreignFor = time.Hour

// A ForeignRing is a process whose events are of another ring than the one that is shown.
type ForeignRing struct {
	Ring     string // chord.ring.name
	Instance string // service.instance.id
	Events   uint64
	Last     time.Time // arrival of the newest event
}

// foreign is the list of the processes with events of other rings; only Run's goroutine uses it.
type foreign struct{ list []ForeignRing }

// note counts ev, and reports whether it is the first event of its process and the process is listed.
func (f *foreign) note(ev *chordevent.Event, arrived time.Time) (first bool) {
	i := slices.IndexFunc(f.list, func(x ForeignRing) bool { return x.Ring == ev.Ring && x.Instance == ev.Instance })
	if i < 0 {
		if len(f.list) >= maxForeign {
			oldest := slices.MinFunc(f.list, func(a, b ForeignRing) int { return a.Last.Compare(b.Last) })
			if arrived.Sub(oldest.Last) <= foreignFor {
				return false
			}
			f.list = slices.DeleteFunc(f.list, func(x ForeignRing) bool { return x == oldest })
		}
		i, first = len(f.list), true
		f.list = append(f.list, ForeignRing{Ring: ev.Ring, Instance: ev.Instance})
	}
	f.list[i].Events++
	f.list[i].Last = arrived
	return first
}

// odd lists the ring parameters of refused members, each combination once; only Run's goroutine uses it.
type odd struct{ named []ring.Parameters } // at most maxForeign

func (o *odd) name(log *slog.Logger, list []ring.Parameters) []ring.Parameters {
	for _, p := range list {
		p.Members = 0 // their number changes
		if len(o.named) < maxForeign && !slices.Contains(o.named, p) {
			o.named = append(o.named, p)
			log.Warn("members are not shown: their ring parameters differ from those of most members", "bits", p.Bits, "successors", p.Successors, "replicas", p.Replicas)
		}
	}
	return list
}

// now returns the present list, the newest first.
func (f *foreign) now() []ForeignRing {
	if len(f.list) == 0 {
		return nil
	}
	out := slices.Clone(f.list)
	slices.SortFunc(out, func(a, b ForeignRing) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Ring, b.Ring), cmp.Compare(a.Instance, b.Instance))
	})
	return out
}
