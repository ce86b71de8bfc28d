package kv

import (
	"context"
	"errors"
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/node/wire"
)

// merge stores a record unless the one held is as new. mu is held.
func (k *Keeper) merge(r *store.Record, why purpose) (stored bool, err error) {
	old := k.store.Get(r.ID, r.Key)
	if !r.Newer(old) {
		return false, nil
	}
	k.clock.Observe(r.Version)
	r = k.dated(r)
	if !k.budget.take(r.Size()-old.Size(), why) {
		return false, terms.ErrFull
	}
	k.store.Put(r)
	return true, nil
}

// dated returns the record with the time at which it is due: a value is dropped when it has expired, a tombstone after
// its lifetime. A value that has expired already is dropped here.
func (k *Keeper) dated(r *store.Record) *store.Record {
	now := k.clock.Millis()
	next := *r
	if !next.Deleted && next.Expires != 0 && next.Expires <= now {
		next.Deleted, next.Value = true, nil
	}
	switch {
	case next.Deleted:
		deleted := min(hlc.TimeOf(next.Version).UnixMilli(), now) // a version may be of a clock that was far ahead
		next.Due = max(deleted, next.Expires) + k.cfg.TombstoneLifetime.Milliseconds()
	case next.Expires != 0:
		next.Due = next.Expires
	}
	return &next
}

// drop removes a record for good. mu is held.
func (k *Keeper) drop(r *store.Record) {
	if old := k.store.Delete(r.ID, r.Key); old != nil {
		k.budget.take(-old.Size(), forKeeps)
	}
}

// pushRecords sends records to a member: as their owner to a replica, with tombstones to drop; or, without an
// ownership, to the owner.
func (k *Keeper) pushRecords(ctx context.Context, p chord.Peer, own *terms.Ownership, records, drop []*store.Record, operation string) error {
	q := &nodepb.ReplicateRequest{Records: recordsToWire(records)}
	for _, r := range drop {
		q.Drop = append(q.Drop, versionToWire(r))
	}
	if err := k.deliver(ctx, p, own, q, operation); !errors.As(err, new(replication.HeldNewer)) {
		return err
	}
	return nil // the next comparison fetches what is newer there
}

// deliver makes the Replicate call: with records, with tombstones to drop, or with a reservation.
func (k *Keeper) deliver(ctx context.Context, p chord.Peer, own *terms.Ownership, q *nodepb.ReplicateRequest, operation string) error {
	var named *nodepb.Ownership
	if own != nil {
		named = wire.Ownership(*own)
	}
	sent := k.env.Now()
	a, err := ask(k, ctx, p, operation, k.cfg.CallLimit, func(keys nodepb.KeysClient, call *nodepb.Call) (*nodepb.ReplicateResponse, error) {
		return keys.Replicate(ctx, &nodepb.ReplicateRequest{
			Call: call, Ownership: named, Records: q.Records, Drop: q.Drop, Reserve: q.Reserve, Reservation: q.Reservation,
		})
	})
	if err != nil {
		return err
	}
	if a.Leaving {
		k.mu.Lock()
		k.learnLeaver(p)
		k.mu.Unlock()
		return fmt.Errorf("%w: %s is about to leave", terms.ErrDead, p.Addr) // treated as dead: the next host takes its place
	}
	if err := k.applyVerdict(p, a, own, sent); err != nil {
		k.publishRegister(ctx)
		return err
	}
	if a.Exhausted {
		return fmt.Errorf("%w: on %s", terms.ErrPeerFull, p.Addr)
	}
	return k.readNewer(p, a.Newer)
}

// Replicate stores records from a peer, drops tombstones, and reserves room.
func (k *Keeper) Replicate(ctx context.Context, q *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
	own, err := wire.ReadOwnership(k.space, q.Ownership)
	if err != nil {
		return nil, malformed(err)
	}
	records, err := recordsFromWire(k.space, q.Records)
	if err != nil {
		return nil, malformed(err)
	}
	if err := k.checkVersions(q.GetCall().GetFrom().GetAddress(), records, own == nil); err != nil {
		return nil, malformed(err)
	}
	drop := make([]*store.Record, len(q.Drop))
	for i, version := range q.Drop {
		if drop[i], err = versionFromWire(k.space, version); err != nil {
			return nil, malformed(err)
		}
	}
	places := make([]terms.Arc, len(records))
	for i, r := range records {
		if own != nil && !own.Covers(r.ID) {
			return nil, malformed(fmt.Errorf("record of %q is outside the sender's range", r.Key))
		}
		places[i] = terms.Arc{From: r.ID, To: r.ID}
	}
	var reserved chord.ID // the point of the key that room is reserved for
	if q.Reserve != nil {
		reserved = k.space.Hash(q.Reserve.Key)
		if err := checkReservation(q.Reserve, own, reserved); err != nil {
			return nil, malformed(err)
		}
		places = append(places, terms.Arc{From: reserved, To: reserved})
	}
	from, err := wire.ReadPeer(k.space, q.GetCall().GetFrom())
	if err != nil {
		return nil, malformed(err)
	}
	a := &nodepb.ReplicateResponse{Reply: k.member.Reply()}
	k.mu.Lock()
	v := k.admit(own, places)
	if a.Leaving = k.leaving && own != nil && !version1(q.GetCall()); a.Leaving {
		v = ownership.Verdict{Refused: true} // a replica here would not last: the owner takes another host
	}
	if !v.Refused {
		a.Accepted, a.Overlapped = true, v.Overlapped
		if len(q.Reservation) == requestIDSize {
			k.budget.redeem([requestIDSize]byte(q.Reservation)) // the records may go into the reserve
		}
		if a.Newer, err = k.accept(records, drop, own); err == terms.ErrFull && own == nil {
			k.requireRecovery(from) // the sender keeps what there is no room for here
		}
		if q.Reserve != nil {
			a.Exhausted = !k.hold(q.Reserve, reserved)
		}
	} else {
		a.Conflict, a.Implausible = conflictToWire(v)
	}
	a.Room = k.budget.room(k.env.Now())
	k.mu.Unlock()
	k.publishRegister(ctx)
	switch {
	case err == terms.ErrFull:
		a.Exhausted = true
	case err != nil:
		return nil, malformed(err)
	}
	return a, nil
}

// accept merges records from a peer and drops tombstones. For records of an owner it returns the newer versions held
// instead. mu is held.
func (k *Keeper) accept(records, drop []*store.Record, own *terms.Ownership) (newer []*nodepb.Version, err error) {
	var moving *handoff.Incoming // its source sends only what differs
	if own != nil {
		moving = k.in.From(own.Owner)
	}
	for _, r := range records {
		if moving != nil {
			k.useRoom(moving, r)
		}
		held := k.store.Get(r.ID, r.Key)
		switch {
		case own == nil && r.Newer(held):
			k.unsettle(r.ID, r.Key, false) // the version held before may be older than what was acknowledged
		case own != nil && held != nil && held.Newer(r):
			newer = append(newer, versionToWire(held))
		}
		stored, err := k.merge(r, forKeeps)
		if err != nil {
			return newer, err
		}
		if stored && own == nil {
			k.unsync() // records of this member's range returned to it, which the replicas do not have
		}
	}
	for _, r := range drop {
		if old := k.store.Get(r.ID, r.Key); old.Same(r) && own != nil {
			k.drop(old)
		}
	}
	return newer, nil
}

// unsync notes that the replicas lack a record. mu is held.
func (k *Keeper) unsync() {
	k.replicas.Unsync()
	k.repairDue.Set()
}

// fetch reads records at another member: those of the first keys, as many as it answers.
func (k *Keeper) fetch(ctx context.Context, p chord.Peer, keys []string, operation string) (records []*store.Record, answered int, err error) {
	wanted := make(map[string]bool, len(keys)) // looked up only
	list := make([][]byte, len(keys))
	for i, key := range keys {
		wanted[key], list[i] = true, []byte(key)
	}
	a, err := ask(k, ctx, p, operation, k.cfg.CallLimit, func(s nodepb.KeysClient, call *nodepb.Call) (*nodepb.FetchResponse, error) {
		return s.Fetch(ctx, &nodepb.FetchRequest{Call: call, Keys: list})
	})
	if err != nil {
		return nil, 0, err
	}
	for _, sent := range a.Records {
		r, err := recordFromWire(k.space, sent)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: %w", terms.ErrRefused, err)
		}
		if wanted[r.Key] {
			records = append(records, r)
		}
	}
	if err := k.checkVersions(p.Addr, records, false); err != nil {
		return nil, 0, err
	}
	return records, min(max(int(a.Answered), 0), len(keys)), nil
}

// Fetch returns the records of the requested keys.
func (k *Keeper) Fetch(_ context.Context, q *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
	if len(q.Keys) > replication.MaxFetch {
		return nil, malformed(fmt.Errorf("%d keys to fetch: expected at most %d", len(q.Keys), replication.MaxFetch))
	}
	a := &nodepb.FetchResponse{Reply: k.member.Reply()}
	var size int64
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range q.Keys {
		if r := k.store.Get(k.space.Hash(key), string(key)); r != nil {
			if size > 0 && size+r.Size() > terms.BatchBytes {
				break
			}
			size += r.Size()
			a.Records = append(a.Records, recordToWire(r))
		}
		a.Answered++
	}
	return a, nil
}
