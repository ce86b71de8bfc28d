package ring

import (
	"cmp"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// The certainty of the ring is reported beside its status (docs/adr/0008): the status is computed over the certain
// members, and the certainty lists the others.

// CertaintyState is how much of the ring is certain.
type CertaintyState uint8

const (
	NothingCertain CertaintyState = iota // of no member; nothing received
	PartlyCertain
	AllCertain
)

// Why is the reason why a member is uncertain.
type Why uint8

const (
	Late          Why = iota + 1 // the member's newest event is older than the staleness bound
	EventsMissing                // there is a gap in the member's event numbers
	ListMissing                  // the member is on the ring, and its successor list has not arrived
	SilentMember                 // no event of the member for three keyframe periods, and no report of its death
	NoEvents                     // other members name this incarnation, and no event of it has arrived
	ReportedDead                 // as NoEvents, and peers report the incarnation dead, which may yet be refuted
	TwiceAlive                   // events of two incarnations of the member still arrive
	TwiceRun                     // the member's events come from two processes
)

// maxUncertain bounds the members that a Certainty lists; its Count includes all.
const maxUncertain = 100

// A Certainty lists the members of the ring that are not known well enough to compute the status with. It is immutable.
type Certainty struct {
	State   CertaintyState
	Count   int // uncertain members; at most maxUnseen of those without any event are counted
	Of      int // members that are on the ring, or may be
	Members []UncertainMember
}

// An UncertainMember is one incarnation that is uncertain.
type UncertainMember struct {
	ID          chord.ID
	Incarnation int64
	Host        string // empty: unknown
	Why         Why
	Since       time.Time // when the incarnation became uncertain
}

// All reports whether every member is certain.
func (c *Certainty) All() bool { return c.State == AllCertain }

// Share returns the number of certain members divided by the number of members that are, or may be, on the ring.
func (c *Certainty) Share() float64 {
	switch {
	case c.State == AllCertain:
		return 1
	case c.Of == 0:
		return 0
	}
	return float64(c.Of-c.Count) / float64(c.Of)
}

func (c *Certainty) equal(o *Certainty) bool {
	return c.State == o.State && c.Count == o.Count && c.Of == o.Of && slices.Equal(c.Members, o.Members)
}

// An incarnation identifies one incarnation of a member.
type incarnation struct {
	id  chord.ID
	inc int64
}

// certainty lists the members that the status leaves out; unseen is the number of those without any event. It takes no
// time while all are certain and every list agrees with the list of its head (its first entry), and O(N) otherwise.
func (r *Ring) certainty() (c Certainty, unseen int) {
	if r.seenCount == 0 {
		return c, 0
	}
	c.Of = r.tally[Joining] + r.tally[Active] + r.tally[Leaving]
	if r.mayLackMembers() {
		u := r.findUnseen(maxUnseen)
		unseen = len(u.list)
		all := u.list
		r.tree.all(func(x *record) {
			if x.doubtful {
				all = append(all, UncertainMember{x.id, x.inc, x.host.Address, x.why(), x.since})
				if x.status == Silent {
					c.Of++
				}
			}
		})
		c.Count, c.Members = len(all), firstUncertain(all)
		clear(all) // so that no strings of members that are gone are kept until the next search
		u.list = all[:0]
	}
	c.Of += unseen
	switch c.Count {
	case 0:
		c.State = AllCertain
	case c.Of:
		c.State = NothingCertain
	default:
		c.State = PartlyCertain
	}
	return c, unseen
}

// mayLackMembers reports whether the ring may have a member that is uncertain or unseen.
func (r *Ring) mayLackMembers() bool {
	return r.doubtful+r.sums.unknown+r.sums.tails+len(r.referencedOnly)+r.tally[Failed]+r.reporting+r.faulty > 0
}

// firstUncertain returns the first maxUncertain of all members, by identifier. It does not sort all of them: there may
// be thousands, and sorting would take most of the time of a View.
func firstUncertain(all []UncertainMember) []UncertainMember {
	order := func(a, b UncertainMember) int {
		return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.Incarnation, b.Incarnation))
	}
	first := make([]UncertainMember, 0, min(len(all), maxUncertain))
	for _, m := range all {
		if len(first) == maxUncertain {
			if order(m, first[maxUncertain-1]) >= 0 {
				continue
			}
			first = first[:maxUncertain-1]
		}
		i, _ := slices.BinarySearchFunc(first, m, order)
		first = slices.Insert(first, i, m)
	}
	return first
}

func (x *record) why() Why {
	switch {
	case x.faults.has(TwoIncarnations):
		return TwiceAlive
	case x.faults.has(TwoProcesses):
		return TwiceRun
	case x.status == Silent:
		return SilentMember
	case x.seqs.missing() > 0:
		return EventsMissing
	case x.lacksList():
		return ListMissing
	}
	return Late
}

// unseenMembers collects the incarnations without any event: those that members on the ring name, and those that are
// reported dead and may yet refute the report.
type unseenMembers struct {
	r     *Ring
	most  int // to look for
	named map[incarnation]bool
	list  []UncertainMember
}

// findUnseen searches for at most the given number of unseen members. The result is valid until the next search, which
// reuses its memory: otherwise each View of a ring with many unseen members would leave a megabyte of garbage.
func (r *Ring) findUnseen(most int) *unseenMembers {
	u := &r.unseen
	clear(u.named)
	*u = unseenMembers{r: r, most: most, named: u.named, list: u.list[:0]}
	u.find()
	return u
}

// maxUnseen bounds the search for unseen members, which takes time at every View. Of a ring with that many unseen
// members hardly anything is known, and their exact number makes no difference.
const maxUnseen = 8192

// enough reports whether u has as many members as the search is for.
func (u *unseenMembers) enough() bool { return len(u.list) >= u.most }

// fingersUpTo is the size of the largest ring whose fingers are searched for unseen members. In a larger ring that
// would take too long; and a member that is in no successor list has as many unseen neighbours as a list has entries,
// so little is known anyway.
const fingersUpTo = 1024

func (u *unseenMembers) find() {
	r := u.r
	r.tree.all(func(x *record) {
		if x.refused || u.enough() {
			return
		}
		u.addReported(x)
		if x.rivalInc != 0 {
			u.add(x.id, x.rivalInc, "", TwiceAlive, x.faulty)
		}
		if !x.counted || x.status == Silent {
			return
		}
		for k := range x.to {
			if p := &x.to[k]; p.to != nil {
				u.look(p.to, x.pointerRegister(k), x.last)
			}
		}
		if x.tail > 0 { // the list of x's head differs: the head is gone, or has not learned of the change yet
			for _, p := range x.succ.val {
				u.look(r.records[p.ID], p, x.last)
			}
		}
	})
	for x := range r.referencedOnly {
		u.addReported(x)
	}
	// The entries of a list after the first are those of the head's list, unless the head is uncertain.
	if len(u.list)+r.doubtful > 0 && !u.enough() {
		u.findDeep()
	}
}

func (u *unseenMembers) findDeep() {
	r := u.r
	r.rankAll()
	for i, x := range r.live {
		if x.status == Silent {
			continue
		}
		if u.enough() {
			return
		}
		at := i + 1
		for _, p := range x.succ.val {
			if !p.Real() {
				break
			}
			rank, found := r.seek(p.Peer, at%len(r.live))
			if at = rank; found {
				at++
			} else {
				u.look(r.records[p.ID], p, x.last)
			}
		}
	}
	if len(r.live) > fingersUpTo {
		return
	}
	for _, x := range r.live {
		if x.status != Silent {
			for i := range x.fingers.runs {
				p := x.fingers.runs[i].Peer
				u.look(r.records[p.ID], p, x.last)
			}
		}
	}
}

// look adds a peer that a member names, if no event of the peer's incarnation has arrived.
func (u *unseenMembers) look(x *record, p chordevent.PeerRef, named time.Time) {
	switch {
	case !p.Real():
	case x == nil:
		u.add(p.ID, p.Incarnation, p.Addr, NoEvents, named)
	case x.reports.find(p.Incarnation) != nil:
	case !x.seen && p.Incarnation > 0:
		u.add(p.ID, p.Incarnation, p.Addr, NoEvents, x.since)
	case x.seen && p.Incarnation > x.inc:
		u.add(p.ID, p.Incarnation, p.Addr, NoEvents, x.last)
	}
}
