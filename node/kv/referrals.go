package kv

import (
	"context"
	"errors"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
)

// A referral is what a member reports of another member's ownership. It is no reason to serve a range, to give one up,
// or to refuse an owner's own report: the receiver asks the owner that it names, and that owner's answer counts. Only if
// the failure detector finds the named owner dead, its ownership is stored as an indirect entry of the ownership table.
// Such an entry counts for a takeover, as far as no owner's own report covers the range: this is how a successor learns
// what a dead owner owned from which it has never received a message.

// maxReferrals bounds the owners that are asked at once because of referrals: those of four large hosts. Beyond it a
// referral is dropped: the members that made it repeat it when they are surveyed again.
const maxReferrals = 4 * maxBelow

// surveyReferred surveys members about a point of the circle and the ranges below it, and then the owners that their
// answers refer to. It asks no member twice. It returns the members' answers in their order; one that failed is empty.
func (k *Keeper) surveyReferred(ctx context.Context, peers []chord.Peer, point chord.ID) ([]survey, error) {
	answers, _, err := k.surveyAll(ctx, peers, point, func(q *nodepb.SurveyRequest) { q.Below = maxBelow })
	if err != nil {
		return nil, err
	}
	var referrals []terms.Ownership
	var owners []chord.Peer
	k.mu.Lock()
	for i, a := range answers {
		referrals = k.addReferrals(referrals, peers[i], a.claims)
	}
	for _, o := range referrals {
		if !slices.Contains(peers, o.Owner) && !k.unreachable(o.Owner) {
			owners = append(owners, o.Owner)
		}
	}
	k.mu.Unlock()
	_, errs, err := k.surveyAll(ctx, owners, point)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, o := range referrals {
		i := slices.Index(owners, o.Owner)
		if i >= 0 && errors.Is(errs[i], terms.ErrDead) || i < 0 && k.unreachable(o.Owner) {
			k.owners.learnIndirect(o, k.env.Now())
		}
	}
	return answers, nil
}

// addReferrals adds a member's referrals to a list, of each owner the latest, without those that bring nothing new. mu
// is held.
func (k *Keeper) addReferrals(list []terms.Ownership, from chord.Peer, referrals []terms.Ownership) []terms.Ownership {
	for _, o := range referrals[:min(len(referrals), 1+maxBelow)] {
		at := slices.IndexFunc(list, func(other terms.Ownership) bool { return other.Owner == o.Owner })
		known, implausible := k.implausible(o)
		_, refused := k.owners.refuses(o)
		switch {
		case o.Owner.ID == k.self.ID || refused || k.owners.knows(o):
		case implausible:
			_ = k.refuseEpoch(from, o, known)
		case at >= 0 && o.Epoch > list[at].Epoch:
			list[at] = o
		case at < 0 && len(list) < maxReferrals:
			list = append(list, o)
		}
	}
	return list
}
