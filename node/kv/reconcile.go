package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// A reconciliation makes two members hold the newer version of every record of an arc. own is this member's ownership
// of the arc, or nil if the other member owns it; then nothing is fetched, because this member does not need the
// owner's versions.
type reconciliation struct {
	k      *Keeper
	peer   chord.Peer
	own    *terms.Ownership
	brings bool // sends what is newer here

	queue   []terms.Arc // to compare; the last is next, so that the queue stays short: some 32 arcs for each of 40 digits
	pull    []string
	push    []*store.Record
	pushed  int64 // bytes in push
	refused error // the peer has no room: nothing more is sent

	done outcome
}

// outcome counts what a reconciliation has transferred, either way.
type outcome struct {
	pulled, pushed int
	bytes          int64
	differed       bool
	full           bool // this host lacks room for something that is newer there
}

// reconcile compares one arc, fetches what is newer there, and, with push, sends what is newer here. Either side stores
// what it has room for; a lack of room is returned as an error after all the rest is done. At the first difference
// differs, if given, starts a sampled trace, which contains what follows.
func (k *Keeper) reconcile(ctx context.Context, p chord.Peer, own *terms.Ownership, whole terms.Arc, push bool, differs func() context.Context) (outcome, error) {
	r := reconciliation{k: k, peer: p, own: own, brings: push, queue: []terms.Arc{whole}}
	for len(r.queue) > 0 {
		differed := r.done.differed
		if err := r.step(ctx); err != nil {
			return r.done, err
		}
		if r.done.differed && !differed && differs != nil {
			ctx = differs()
		}
	}
	// The fetch comes first, because a leaver neither sends nor fetches.
	if err := r.flushPull(ctx); err != nil {
		return r.done, err
	}
	if err := r.flushPush(ctx); err != nil {
		return r.done, err
	}
	if r.done.full {
		return r.done, errors.Join(terms.ErrFull, r.refused)
	}
	return r.done, r.refused
}

func (r *reconciliation) step(ctx context.Context) error {
	asked := slices.Clone(r.queue[max(0, len(r.queue)-maxArcs):])
	differences, err := r.k.compare(ctx, r.peer, r.own, asked)
	if err != nil {
		return err
	}
	if len(differences) == 0 {
		return fmt.Errorf("%w: %s answered for no arc", terms.ErrRefused, r.peer.Addr)
	}
	r.queue = append(r.queue[:len(r.queue)-len(asked)], asked[len(differences):]...)
	for i, d := range differences {
		if d.same {
			continue
		}
		r.done.differed = true
		r.queue = append(r.queue, d.parts...)
		if !d.split {
			if err := r.exchange(ctx, asked[i], d.versions); err != nil {
				return err
			}
		}
	}
	return nil
}

// exchange finds, among all the versions of an arc of few records, what is newer here and what is newer there.
func (r *reconciliation) exchange(ctx context.Context, a terms.Arc, theirs []*store.Record) error {
	byKey := make(map[string]*store.Record, len(theirs)) // looked up only: its order affects nothing
	r.k.mu.Lock()
	for _, version := range theirs {
		byKey[version.Key] = version
		if r.own != nil && version.Newer(r.k.store.Get(version.ID, version.Key)) {
			r.pull = append(r.pull, version.Key)
		}
	}
	var newer []*store.Record
	r.k.store.Ascend(a.From, a.To, func(rec *store.Record) bool {
		if rec.Newer(byKey[rec.Key]) {
			newer = append(newer, rec)
		}
		return true
	})
	r.k.mu.Unlock()
	for _, rec := range newer {
		if !r.brings || r.refused != nil {
			break
		}
		if r.pushed > 0 && r.pushed+rec.Size() > batchBytes || len(r.push) == batchRecords {
			if err := r.flushPush(ctx); err != nil {
				return err
			}
		}
		r.push, r.pushed = append(r.push, rec), r.pushed+rec.Size()
	}
	if len(r.pull) >= batchRecords/2 {
		return r.flushPull(ctx)
	}
	return nil
}

// flushPush sends the collected records, which fit into one message.
func (r *reconciliation) flushPush(ctx context.Context) error {
	if len(r.push) == 0 {
		return nil
	}
	err := r.k.pushRecords(ctx, r.peer, r.own, r.push, nil, chordevent.SpanRepair)
	if errors.Is(err, terms.ErrPeerFull) {
		r.refused, r.push, r.pushed = err, nil, 0
		return nil
	}
	if err != nil {
		return err
	}
	r.done.pushed += len(r.push)
	r.done.bytes += r.pushed
	r.push, r.pushed = nil, 0
	return nil
}

// flushPull fetches the collected keys and merges their records.
func (r *reconciliation) flushPull(ctx context.Context) error {
	for len(r.pull) > 0 {
		keys := r.pull[:min(len(r.pull), maxFetch)]
		records, answered, err := r.k.fetch(ctx, r.peer, keys, chordevent.SpanRepair)
		if err != nil {
			return err
		}
		if answered == 0 {
			return fmt.Errorf("%w: %s answered for no key", terms.ErrRefused, r.peer.Addr)
		}
		r.k.mu.Lock()
		for _, rec := range records {
			stored, err := r.k.merge(rec, forKeeps)
			r.done.full = r.done.full || err != nil
			if stored {
				r.done.pulled++
				r.done.bytes += rec.Size()
			}
		}
		r.k.mu.Unlock()
		r.pull = r.pull[answered:]
	}
	r.pull = nil
	return nil
}
