package kv

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// answerBytes is the size at which an answer ends; the remaining arcs are requested again.
const answerBytes = 256 << 10

func (k *Keeper) arcToWire(a terms.Arc) *nodepb.Arc {
	sum := k.store.Summary(a.From, a.To)
	return &nodepb.Arc{From: a.From[:], To: a.To[:], Digest: sum.Digest, Count: sum.Count}
}

// Compare answers a comparison request.
func (k *Keeper) Compare(ctx context.Context, q *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	own, err := wire.ReadOwnership(k.space, q.Ownership)
	if err != nil {
		return nil, malformed(err)
	}
	if len(q.Arcs) > replication.MaxArcs {
		return nil, malformed(fmt.Errorf("a Compare request with %d arcs: expected at most %d", len(q.Arcs), replication.MaxArcs))
	}
	arcs := make([]terms.Arc, len(q.Arcs))
	for i, a := range q.Arcs {
		if arcs[i], err = wire.ReadArc(k.space, a); err != nil {
			return nil, malformed(err)
		}
	}
	a := &nodepb.CompareResponse{Reply: k.member.Reply(), Room: k.budget.room(k.env.Now())}
	k.mu.Lock()
	v := k.admit(own, arcs)
	if !v.Refused {
		a.Accepted, a.Overlapped = true, v.Overlapped
		for i, size := 0, 0; i < len(arcs) && size < answerBytes; i++ {
			d := answerToWire(replication.Differ(k.space, k.store, arcs[i], replication.Sum{Digest: q.Arcs[i].Digest, Count: q.Arcs[i].Count}))
			a.Differences = append(a.Differences, d)
			for _, version := range d.Versions {
				size += len(version.Key) + 48
			}
			size += 64 * len(d.Parts)
		}
	} else {
		a.Conflict, a.Implausible = conflictToWire(v)
	}
	k.mu.Unlock()
	k.publishRegister(ctx)
	return a, nil
}

// admit decides whether a peer may compare or send records: an owner may if its ownership stands;
// without an ownership, any member may for arcs of which this member is the owner. mu is held.
func (k *Keeper) admit(own *terms.Ownership, arcs []terms.Arc) ownership.Verdict {
	if own != nil {
		v := k.meet(*own)
		// Without arcs it is an announcement only. The source of a handoff compares before it sends what differs: that makes
		// this member no replica.
		if !v.Refused && len(arcs) > 0 && k.in.From(own.Owner) == nil {
			k.own.Table.Hold(own.Owner, k.env.Now())
		}
		if !v.Refused && k.own.GaveUp(*own, k.env.Now()) && k.store.Summary(own.From, own.Owner.ID).Count > 0 {
			v.Overlapped = true
		}
		return v
	}
	mine := k.reg.Load()
	for _, a := range arcs {
		if mine == nil || !mine.Covers(a.To) {
			return ownership.Verdict{Refused: true}
		}
	}
	return ownership.Verdict{}
}

func answerToWire(a replication.Answer) *nodepb.CompareResponse_Difference {
	d := &nodepb.CompareResponse_Difference{Same: a.Same}
	for _, part := range a.Parts {
		d.Parts = append(d.Parts, &nodepb.Arc{Digest: part.Digest, Count: part.Count})
	}
	for _, r := range a.Versions {
		d.Versions = append(d.Versions, versionToWire(r))
	}
	return d
}

// compare compares arcs with a member: arcs of this member's range, or of the other one's if own is nil.
func (k *Keeper) compare(ctx context.Context, p chord.Peer, own *terms.Ownership, arcs []terms.Arc) ([]replication.Difference, error) {
	q := &nodepb.CompareRequest{}
	if own != nil {
		q.Ownership = wire.Ownership(*own)
	}
	k.mu.Lock()
	for _, a := range arcs {
		q.Arcs = append(q.Arcs, k.arcToWire(a))
	}
	k.mu.Unlock()
	sent := k.env.Now()
	a, err := ask(k, ctx, p, chordevent.SpanRepair, k.cfg.CallLimit, func(keys nodepb.KeysClient, call *nodepb.Call) (*nodepb.CompareResponse, error) {
		return keys.Compare(ctx, &nodepb.CompareRequest{Call: call, Ownership: q.Ownership, Arcs: q.Arcs})
	})
	if err != nil {
		return nil, err
	}
	if err := k.applyVerdict(p, a, own, sent); err != nil {
		k.publishRegister(ctx)
		return nil, err
	}
	if len(a.Differences) > len(arcs) {
		return nil, fmt.Errorf("%w: expected at most %d results, one for each arc, got %d", terms.ErrRefused, len(arcs), len(a.Differences))
	}
	differences := make([]replication.Difference, len(a.Differences))
	for i, d := range a.Differences {
		if differences[i], err = k.readDifference(d, arcs[i]); err != nil {
			return nil, fmt.Errorf("%w: %w", terms.ErrRefused, err)
		}
	}
	return differences, nil
}

// readDifference reads the answer for an arc.
func (k *Keeper) readDifference(d *nodepb.CompareResponse_Difference, whole terms.Arc) (replication.Difference, error) {
	a := replication.Answer{Same: d.GetSame()}
	for _, version := range d.GetVersions() {
		r, err := versionFromWire(k.space, version)
		if err != nil {
			return replication.Difference{}, err
		}
		a.Versions = append(a.Versions, r)
	}
	for _, part := range d.GetParts() {
		a.Parts = append(a.Parts, replication.Sum{Digest: part.GetDigest(), Count: part.GetCount()})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return replication.Read(k.space, k.store, whole, a)
}

// applyVerdict applies a peer's verdict on this member's ownership as it was when the call was sent.
func (k *Keeper) applyVerdict(p chord.Peer, a interface {
	GetAccepted() bool
	GetConflict() *nodepb.Ownership
	GetOverlapped() bool
	GetRoom() int64
	GetImplausible() bool
}, own *terms.Ownership, sent time.Time) error {
	conflict, err := wire.ReadOwnership(k.space, a.GetConflict())
	if err != nil {
		return fmt.Errorf("%w: %w", terms.ErrRefused, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.noteContact(p)
	if h := k.replicas.On(p); h != nil {
		h.Room = a.GetRoom()
	}
	switch {
	case a.GetAccepted():
		if now := k.reg.Load(); own != nil && now != nil && *now == *own && p.Addr != k.self.Addr && sent.After(k.confirmed) {
			k.confirmed = sent
		}
		if a.GetOverlapped() {
			k.apply(k.own.Doubt())                                  // that owner may have given up ranges below as well, which then have no owner
			if !k.needsRecovery || !slices.Contains(k.sources, p) { // otherwise it will be asked during the recovery
				k.requireRecovery(p)
			}
		}
		return nil
	case a.GetImplausible():
		if conflict != nil {
			k.apply(k.own.Descend(conflict.Epoch))
		}
		return terms.ErrOvertaken
	case conflict != nil:
		if known, is := k.own.Implausible(*conflict); is {
			return k.refuseEpoch(p, *conflict, known)
		}
		k.apply(k.own.Dispute(*conflict))
		return terms.ErrOvertaken
	}
	return fmt.Errorf("%w by %s", terms.ErrRefused, p.Addr)
}

// announce sends this member's ownership to another member.
func (k *Keeper) announce(ctx context.Context, p chord.Peer, own terms.Ownership) error {
	_, err := k.compare(ctx, p, &own, nil)
	return err
}
