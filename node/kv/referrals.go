package kv

import (
	"context"
	"errors"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
)

// surveyReferred surveys members about a point of the circle and the ranges below it, and then the owners that their
// answers refer to. It asks no member twice. It returns the members' answers in their order; one that failed is empty.
func (k *Keeper) surveyReferred(ctx context.Context, peers []chord.Peer, point chord.ID) ([]survey, error) {
	answers, _, err := k.surveyAll(ctx, peers, point, func(q *nodepb.SurveyRequest) { q.Below = ownership.MaxBelow })
	if err != nil {
		return nil, err
	}
	var referrals ownership.Referrals
	k.mu.Lock()
	for i, a := range answers {
		k.own.Refer(&referrals, peers[i], a.claims)
	}
	for _, r := range referrals.Refused {
		_ = k.refuseEpoch(r.From, r.Ownership, r.Known)
	}
	owners := referrals.Owners(peers, k.unreachable)
	k.mu.Unlock()
	_, errs, err := k.surveyAll(ctx, owners, point)
	if err != nil {
		return nil, err
	}
	dead := make([]bool, len(errs))
	for i, err := range errs {
		dead[i] = errors.Is(err, terms.ErrDead)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.own.Referred(&referrals, owners, dead, k.unreachable, k.env.Now())
	return answers, nil
}
