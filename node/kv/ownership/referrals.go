package ownership

import (
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// A referral is what a member reports of another member's ownership. It is no reason to serve a range, to give one up,
// or to refuse an owner's own report: the receiver asks the owner that it names, and that owner's answer counts. Only if
// the failure detector finds the named owner dead, its ownership is stored as an indirect entry of the ownership table.
// Such an entry counts for a takeover, as far as no owner's own report covers the range: this is how a successor learns
// what a dead owner owned from which it has never received a message.

// maxReferrals bounds the owners that are asked at once because of referrals: those of four large hosts. Beyond it a
// referral is dropped: the members that made it repeat it when they are surveyed again.
const maxReferrals = 4 * MaxBelow

// Referrals are those of several members, of each owner the latest, without those that bring nothing new.
type Referrals struct {
	List    []terms.Ownership
	Refused []Refusal // those with an implausible epoch
}

// A Refusal is an ownership refused for its epoch: who sent it, and what is known here, if anything.
type Refusal struct {
	From      chord.Peer
	Ownership terms.Ownership
	Known     *terms.Ownership
}

// Refer adds a member's referrals to those of others.
func (r *Register) Refer(to *Referrals, from chord.Peer, referrals []terms.Ownership) {
	for _, o := range referrals[:min(len(referrals), 1+MaxBelow)] {
		at := slices.IndexFunc(to.List, func(other terms.Ownership) bool { return other.Owner == o.Owner })
		known, implausible := r.Implausible(o)
		_, refused := r.Table.Refuses(o)
		switch {
		case o.Owner.ID == r.self.ID || refused || r.Table.Knows(o):
		case implausible:
			to.Refused = append(to.Refused, Refusal{from, o, known})
		case at >= 0 && o.Epoch > to.List[at].Epoch:
			to.List[at] = o
		case at < 0 && len(to.List) < maxReferrals:
			to.List = append(to.List, o)
		}
	}
}

// Owners lists the owners to ask about referrals: those not asked already, and not taken for dead.
func (to *Referrals) Owners(asked []chord.Peer, unreachable func(chord.Peer) bool) (owners []chord.Peer) {
	for _, o := range to.List {
		if !slices.Contains(asked, o.Owner) && !unreachable(o.Owner) {
			owners = append(owners, o.Owner)
		}
	}
	return owners
}

// Referred stores the referrals to dead owners: of those asked, the ones found dead, and of the others those that are
// unreachable.
func (r *Register) Referred(to *Referrals, asked []chord.Peer, dead []bool, unreachable func(chord.Peer) bool, now time.Time) {
	for _, o := range to.List {
		i := slices.Index(asked, o.Owner)
		if i >= 0 && dead[i] || i < 0 && unreachable(o.Owner) {
			r.Table.LearnIndirect(o, now)
		}
	}
}
