package kv

import (
	"context"
	"errors"

	"chordconductor/node/chord"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/node/wire"
)

// errUnknown: an earlier try of a write may have been carried out, and a later write has superseded it since.
var errUnknown = errors.New("an earlier try may have been carried out and superseded")

// serveWrite writes a key of this member's range, and answers when the replicas have it. Once the record is stored the
// write may be seen, now or after a crash, so from then on every answer other than OK leaves the outcome open.
func (k *Keeper) serveWrite(ctx context.Context, q *nodepb.ApplyRequest, id chord.ID) *nodepb.ApplyResponse {
	operation, key := operationName(q.Operation), string(q.Key)
	retry := answerOnly(nodepb.ApplyResponse_OUTCOME_RETRY)
	if k.cfg.Replicas == 1 && !k.confirm(ctx, operation) {
		return retry
	}
	if _, _, err := k.readRepair(ctx, id, key, operation); err != nil {
		return retry
	}
	replicas := k.nextReplicas(ctx, k.cfg.Replicas-1, nil)
	reserve := &nodepb.Reservation{Id: q.RequestId, Key: q.Key, ValueBytes: int64(len(q.Value)), Deleted: q.Operation == opDelete}
	size := store.SizeOf(len(q.Key), reserve.ValueBytes)

	k.mu.Lock()
	own := k.reg.Load()
	if own == nil || !own.Covers(id) {
		k.mu.Unlock()
		return retry
	}
	req, run := k.requests.begin([requestIDSize]byte(q.RequestId), k.env.Now(), 2*k.cfg.OperationLimit)
	if !run {
		defer k.mu.Unlock()
		if req.running {
			return maybe(nodepb.ApplyResponse_OUTCOME_RETRY) // an earlier try is still running
		}
		return written(key, req.version, req.replicas)
	}
	k.recall(req, id, key)
	var reservation []byte
	if req.version == 0 && k.tight(replicas, size) {
		k.mu.Unlock()
		err := k.reserveRoom(ctx, *own, id, reserve, operation)
		k.mu.Lock()
		if err == nil && k.reg.Load() != own {
			err = terms.ErrOvertaken
		}
		if err != nil {
			k.recall(req, id, key) // the write may have arrived meanwhile
			k.requests.end(req)
			done := req.version != 0
			k.mu.Unlock()
			switch {
			case done:
				return maybe(nodepb.ApplyResponse_OUTCOME_RETRY)
			case errors.Is(err, terms.ErrFull):
				return answerOnly(nodepb.ApplyResponse_OUTCOME_EXHAUSTED)
			}
			return retry
		}
		reservation = q.RequestId
	}
	rec, list, err := k.write(req, q, id)
	if err != nil {
		defer k.mu.Unlock()
		k.requests.end(req)
		switch {
		case err == errUnknown:
			return maybe(nodepb.ApplyResponse_OUTCOME_UNKNOWN)
		case req.version != 0:
			return maybe(nodepb.ApplyResponse_OUTCOME_EXHAUSTED)
		}
		return answerOnly(nodepb.ApplyResponse_OUTCOME_EXHAUSTED)
	}
	move := k.out.Writes(id)
	k.flight += size
	k.mu.Unlock()

	held, err := k.replicate(ctx, *own, rec, reservation, move, operation)
	var newer replication.HeldNewer
	for try := 0; try < maxPasses && errors.As(err, &newer); try++ {
		k.mu.Lock()
		next := k.rewrite(req, rec, newer.Held.Version)
		k.mu.Unlock()
		if next == nil {
			break
		}
		rec = next
		held, err = k.replicate(ctx, *own, rec, nil, move, operation)
	}

	k.mu.Lock()
	defer k.mu.Unlock()
	k.flight -= size
	k.requests.end(req)
	k.endWrite(list, rec, err)
	if err != nil {
		return maybe(nodepb.ApplyResponse_OUTCOME_RETRY)
	}
	req.replicas = held
	if q.Operation == opPut {
		k.puts++
	} else {
		k.deletes++
	}
	return written(key, req.version, held) // its own version, even if a later one has superseded it on the replicas
}

// maybe returns an answer without a record to a write that may have been carried out.
func maybe(o nodepb.ApplyResponse_Outcome) *nodepb.ApplyResponse {
	return &nodepb.ApplyResponse{Outcome: o, MaybeWritten: true}
}

func written(key string, version uint64, replicas []chord.Peer) *nodepb.ApplyResponse {
	a := &nodepb.ApplyResponse{
		Outcome: nodepb.ApplyResponse_OUTCOME_OK, Copies: int32(len(replicas)), Record: &nodepb.Record{Key: []byte(key), Version: version},
	}
	for _, p := range replicas {
		a.Holders = append(a.Holders, wire.Peer(p))
	}
	return a
}

// recall returns the record of a key, and finds in it the version of a request that an earlier try has left, perhaps at
// another owner: the write has happened, whether there is room for it here or not. mu is held.
func (k *Keeper) recall(req *request, id chord.ID, key string) (old *store.Record) {
	old = k.store.Get(id, key)
	if req.version == 0 && old != nil && old.Request == req.id {
		req.version = old.Version
	}
	return old
}

// write assigns the version of a request, once, and stores its record. A later try of the request sends the version
// held now to the replicas once more: its own, or one that has superseded it. After an error this try has stored
// nothing. The caller ends the write on the list. mu is held.
//
// A try at another owner than the first one's finds the write by the request ID in its record. If another version is
// held, the write may have been superseded by it, or may never have been carried out. The time at which the request
// began decides: a version up to that was there before, and has superseded nothing.
func (k *Keeper) write(req *request, q *nodepb.ApplyRequest, id chord.ID) (*store.Record, *replication.Key, error) {
	old := k.recall(req, id, string(q.Key))
	if old != nil && req.version == 0 && q.Again && old.Version > q.Floor {
		return nil, nil, errUnknown
	}
	if req.version != 0 && old != nil && old.Version >= req.version {
		list := k.unsettle(id, old.Key, true)
		list.Begin()
		return old, list, nil
	}
	rec := &store.Record{
		ID: id, Key: string(q.Key), Version: k.clock.Now(), Writer: k.self.ID,
		Deleted: q.Operation == opDelete, Request: req.id,
	}
	if old != nil && rec.Version <= old.Version {
		rec.Version = old.Version + 1 // the clock was set back since: the order of a key's versions takes precedence
	}
	why := forKeeps // a tombstone makes room in the end
	if !rec.Deleted {
		why, rec.Value = forClient, q.Value
		if q.TtlMillis > 0 {
			rec.Expires = k.clock.Millis() + q.TtlMillis
		}
	}
	rec = k.dated(rec)
	k.budget.lapse(k.env.Now())
	if !k.budget.take(rec.Size()-old.Size(), why) {
		return nil, nil, terms.ErrFull
	}
	list := k.unsettle(id, rec.Key, true)
	list.Begin()
	k.checkWrite(old, rec)
	k.store.Put(rec)
	req.version = rec.Version
	return rec, list, nil
}
