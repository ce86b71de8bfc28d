package replication

import (
	"slices"

	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

// MaxFetch bounds the keys requested in one message.
const MaxFetch = 256

// An Exchange makes two members hold the newer version of every record of an arc, as far as either has room. The caller
// does what Next returns, informs the exchange of the outcome, and asks again, until nothing is left.
type Exchange struct {
	pulls  bool // this member is the owner: it needs what is newer at the other one
	pushes bool // it sends what is newer here

	queue       []terms.Arc     // to compare; the last is next, so that the queue stays short: some 32 arcs for each of 40 digits
	asked       []terms.Arc     // the arcs of the last comparison
	differences []Difference    // the answers to it that have not been evaluated
	answered    int             // of them all
	newer       []*store.Record // here, of the arc being evaluated, to be sent
	fetching    bool            // what is to be fetched is, before anything else

	pull    []string
	push    []*store.Record
	pushed  int64 // bytes in push
	refused error // the peer has no room: nothing more is sent

	Done Exchanged
}

// Exchanged counts what has been transferred, either way.
type Exchanged struct {
	Pulled, Pushed int
	Bytes          int64
	Differed       bool
	Full           bool // this host lacks room for something that is newer there
}

// NewExchange begins the exchange of an arc. Without pulls nothing is fetched, and without pushes nothing is sent.
func NewExchange(whole terms.Arc, pulls, pushes bool) *Exchange {
	return &Exchange{pulls: pulls, pushes: pushes, queue: []terms.Arc{whole}}
}

// A Step is what to do next: the one that is not empty. A Step that is empty ends the exchange.
type Step struct {
	Compare []terms.Arc     // ask the other member about these arcs, and call Compared
	Push    []*store.Record // send these records, which fit into one message, and call Pushed
	Fetch   []string        // fetch the records of these keys, and call Fetched
}

// Next returns what to do next, by what is held now. The fetches come before what is sent last, because a leaver neither
// sends nor fetches.
func (x *Exchange) Next(s *store.Store) Step {
	for {
		switch {
		case len(x.newer) > 0:
			if step := x.collect(); len(step.Push) > 0 {
				return step
			}
		case x.fetching && len(x.pull) > 0, len(x.pull) >= terms.BatchRecords/2:
			x.fetching = true
			return Step{Fetch: x.pull[:min(len(x.pull), MaxFetch)]}
		case len(x.differences) > 0:
			x.fetching = false
			x.evaluate(s)
		case len(x.queue) > 0:
			x.asked = slices.Clone(x.queue[max(0, len(x.queue)-MaxArcs):])
			return Step{Compare: x.asked}
		case len(x.pull) > 0:
			x.fetching = true
		case len(x.push) > 0:
			return Step{Push: x.push}
		default:
			return Step{}
		}
	}
}

// Compared continues after a comparison with the differences of the first arcs asked about, at least one.
func (x *Exchange) Compared(differences []Difference) {
	x.queue = append(x.queue[:len(x.queue)-len(x.asked)], x.asked[len(differences):]...)
	x.differences, x.answered = differences, len(differences)
}

// evaluate finds, among all the versions of an arc of few records, what is newer here and what is newer there.
func (x *Exchange) evaluate(s *store.Store) {
	d, a := x.differences[0], x.asked[x.answered-len(x.differences)]
	x.differences = x.differences[1:]
	if d.Same {
		return
	}
	x.Done.Differed = true
	x.queue = append(x.queue, d.Parts...)
	if d.Split {
		return
	}
	byKey := make(map[string]*store.Record, len(d.Versions)) // looked up only: its order affects nothing
	for _, version := range d.Versions {
		byKey[version.Key] = version
		if x.pulls && version.Newer(s.Get(version.ID, version.Key)) {
			x.pull = append(x.pull, version.Key)
		}
	}
	s.Ascend(a.From, a.To, func(r *store.Record) bool {
		if r.Newer(byKey[r.Key]) {
			x.newer = append(x.newer, r)
		}
		return true
	})
}

// collect adds the newer records to those to be sent, until these fill a message.
func (x *Exchange) collect() Step {
	for i, r := range x.newer {
		if !x.pushes || x.refused != nil {
			break
		}
		if x.pushed > 0 && x.pushed+r.Size() > terms.BatchBytes || len(x.push) == terms.BatchRecords {
			x.newer = x.newer[i:]
			return Step{Push: x.push}
		}
		x.push, x.pushed = append(x.push, r), x.pushed+r.Size()
	}
	x.newer = nil
	return Step{}
}

// Pushed continues after records have been sent. A refusal is an error for lack of room at the other member: nothing
// more is sent there.
func (x *Exchange) Pushed(refusal error) {
	if x.refused = refusal; refusal == nil {
		x.Done.Pushed += len(x.push)
		x.Done.Bytes += x.pushed
	}
	x.push, x.pushed = nil, 0
}

// Stored notes a record that has been fetched, and whether it was stored here or there is no room for it.
func (x *Exchange) Stored(r *store.Record, stored, full bool) {
	x.Done.Full = x.Done.Full || full
	if stored {
		x.Done.Pulled++
		x.Done.Bytes += r.Size()
	}
}

// Fetched continues after a fetch that has been answered for the first keys, at least one.
func (x *Exchange) Fetched(answered int) {
	if x.pull = x.pull[answered:]; len(x.pull) == 0 {
		x.pull = nil
	}
}

// Refused returns the error with which the other member has refused records, nil if it has not.
func (x *Exchange) Refused() error { return x.refused }
