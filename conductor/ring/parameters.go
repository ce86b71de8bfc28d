package ring

import (
	"cmp"
	"slices"

	"chordconductor/node/chord"
)

// parameters are the ring parameters that a member reports.
type parameters struct{ bits, listLen, replicas int }

func parametersOf(x *record) parameters {
	s := &x.started.val
	return parameters{s.Bits, s.ListLen, s.Replicas}
}

// A vote is the ring parameters that a member reports, and the weight of that report.
type vote struct {
	parameters
	weight int
}

// Each kind of vote outweighs any number of votes of the next kind. A host that the ring refuses brings as many joining
// members as it has virtual nodes, and a ring that has ended leaves its dead members behind: neither may hide the
// running ring.
const (
	ofRing   = iota // active, or leaving
	ofSilent        // active or leaving by its last event, and now silent
	ofJoiner
	ofGone
	ofUnjoined // became silent before it had joined
	voteWeights
)

func voteOf(x *record) vote {
	v := vote{parametersOf(x), ofJoiner}
	wasIn := x.wasIn()
	switch {
	case x.status.gone():
		v.weight = ofGone
	case x.status == Silent && wasIn:
		v.weight = ofSilent
	case x.status == Silent:
		v.weight = ofUnjoined
	case wasIn:
		v.weight = ofRing
	}
	return v
}

// votes counts the votes for one set of ring parameters, by weight.
type votes [voteWeights]int

func (v votes) compare(o votes) int { return slices.Compare(v[:], o[:]) }

// updateParameters applies a change of the ring parameters that x reports, or of their weight.
func (r *Ring) updateParameters(x *record) {
	switch now := voteOf(x); {
	case now == x.vote:
	case r.cast(x, now):
		r.tree.all(r.updateRefused)
	default:
		r.updateRefused(x)
	}
}

// cast changes x's vote, sets the ring parameters to those with the most votes, and reports whether they have changed.
func (r *Ring) cast(x *record, now vote) (changed bool) {
	r.poll(x.vote, -1)
	x.vote = now
	r.poll(x.vote, +1)
	most, best := parameters{}, votes{}
	for c, v := range r.votes { // votes usually has one entry, unless members are configured differently
		if n := v.compare(best); n > 0 || n == 0 && less(most, c) {
			most, best = c, v
		}
	}
	if most.bits != r.parameters.bits && most.bits != 0 {
		r.setSpace(most.bits)
		r.tree.all(r.recountTail)
	}
	changed = most != r.parameters
	r.parameters = most
	r.unchecked = r.unchecked || changed
	r.updateNeeded()
	return changed
}

// isRefused reports whether x's ring parameters differ from the ring's. The ring's hosts refuse each call of such a
// member, so it is not a member of this ring, whatever ring name it sends.
func (r *Ring) isRefused(x *record) bool {
	c := parametersOf(x)
	return c != (parameters{}) && c != r.parameters
}

// updateRefused updates whether a member is refused. A refused member is neither shown nor counted. Its events are
// applied nevertheless, so the order of events does not matter, and a member that turns out to have the ring's
// parameters is shown again immediately.
func (r *Ring) updateRefused(x *record) {
	refused := r.isRefused(x)
	if refused == x.refused {
		return
	}
	r.tallyBy(x, -1)
	x.refused = refused
	x.doubtful = x.isDoubtful(x.status, x.uncertain)
	x.since = r.now
	r.tallyBy(x, +1)
	r.checkList(x)
	turned := x.counted
	r.updateStance(x, x.stanceNow())
	if turned != x.counted {
		r.updateOwnership(x)
		r.updateHosting(x)
	}
	r.noteCause(x)
	r.touch(x)
	r.regroup = true
}

// poll adds a vote, or removes it. A member with zero ring parameters has not reported any.
func (r *Ring) poll(v vote, sign int) {
	if v.parameters == (parameters{}) {
		return
	}
	all := r.votes[v.parameters]
	if all[v.weight] += sign; all == (votes{}) {
		delete(r.votes, v.parameters)
	} else {
		r.votes[v.parameters] = all
	}
}

func less(a, b parameters) bool {
	if a.bits != b.bits {
		return a.bits < b.bits
	}
	if a.listLen != b.listLen {
		return a.listLen < b.listLen
	}
	return a.replicas < b.replicas
}

func (r *Ring) setSpace(bits int) {
	if space, err := chord.NewSpace(bits); err == nil {
		r.space = space
	}
}

// Parameters are ring parameters that differ from this ring's, and the number of members that report them.
type Parameters struct {
	Bits       int `json:"bits"`
	Successors int `json:"successors"`
	Replicas   int `json:"replicas"`
	Members    int `json:"members"`
}

// maxParameters bounds the number of ring parameters that RefusedParameters returns.
const maxParameters = 10

// RefusedParameters returns the ring parameters of the refused members, those with the most members first.
func (r *Ring) RefusedParameters() (list []Parameters) {
	if r.refused == 0 {
		return nil
	}
	for c, v := range r.votes {
		if c != r.parameters {
			p := Parameters{c.bits, c.listLen, c.replicas, 0}
			for _, n := range v {
				p.Members += n
			}
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b Parameters) int {
		return cmp.Or(cmp.Compare(b.Members, a.Members), cmp.Compare(a.Bits, b.Bits), cmp.Compare(a.Successors, b.Successors), cmp.Compare(a.Replicas, b.Replicas))
	})
	return list[:min(len(list), maxParameters)]
}
