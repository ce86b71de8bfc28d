package keeper

import (
	"context"
	"errors"
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// maxForwards bounds how often a request is passed on: from the receiver of a move to its source, from a former owner
// to the present one, or one after the other.
const maxForwards = 3

const (
	opPut    = nodepb.ApplyRequest_OPERATION_PUT
	opGet    = nodepb.ApplyRequest_OPERATION_GET
	opDelete = nodepb.ApplyRequest_OPERATION_DELETE
)

func operationName(op nodepb.ApplyRequest_Operation) string {
	switch op {
	case opPut:
		return chordevent.SpanPut
	case opDelete:
		return chordevent.SpanDelete
	}
	return chordevent.SpanGet
}

// checkOperation says what is wrong with a client's operation.
func checkOperation(op nodepb.ApplyRequest_Operation, key, value []byte, ttlMillis int64) error {
	switch {
	case op != opPut && op != opGet && op != opDelete:
		return fmt.Errorf("%w: operation %d is unknown", ErrInvalid, op)
	case len(key) == 0 || len(key) > MaxKey:
		return fmt.Errorf("%w: key of %d bytes: must have 1 to %d", ErrInvalid, len(key), MaxKey)
	case len(value) > MaxValue:
		return fmt.Errorf("%w: value of %d bytes: at most %d", ErrInvalid, len(value), MaxValue)
	case ttlMillis < 0 || ttlMillis > maxTTLMillis:
		return fmt.Errorf("%w: TTL of %d ms: must be from 0 (none) to %d", ErrInvalid, ttlMillis, int64(maxTTLMillis))
	}
	return nil
}

// maxTTLMillis is a thousand years: it keeps the sum with the time from overflowing.
const maxTTLMillis = 1000 * 366 * 24 * 3600 * 1000

// Apply runs one client operation if this member owns the key. If not, it may know who does.
func (k *Keeper) Apply(ctx context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	if err := checkOperation(q.Operation, q.Key, q.Value, q.TtlMillis); err != nil {
		return nil, malformed(err)
	}
	if len(q.RequestId) != requestIDSize {
		return nil, malformed(fmt.Errorf("request ID of %d bytes: must have %d", len(q.RequestId), requestIDSize))
	}
	id := k.space.Hash(q.Key)
	if q.Released != "" {
		k.releasedBy(ctx, q.Released)
	}
	var a *nodepb.ApplyResponse
	switch to, released, mine := k.route(id); {
	case !mine && to.Real() && q.Forwards < maxForwards:
		a = k.forward(ctx, q, to, released)
	case !mine:
		a = answerOnly(nodepb.ApplyResponse_OUTCOME_NOT_OWNER)
	case q.Operation == opGet:
		a = k.serveGet(ctx, id, string(q.Key))
	default:
		a = k.serveWrite(ctx, q, id)
	}
	a.Reply = k.member.Reply()
	return a, nil
}

// answerOnly is an answer without a record.
func answerOnly(o nodepb.ApplyResponse_Outcome) *nodepb.ApplyResponse {
	return &nodepb.ApplyResponse{Outcome: o}
}

// route says whether this member owns a point; if not, whom to pass a request on to, if anybody: the source of a move
// that has not released the range yet, or the owner it was given to, with the move it was released in.
func (k *Keeper) route(id chord.ID) (to chord.Peer, released string, mine bool) {
	if k.Owns(id) {
		return chord.Peer{}, "", true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	in := k.ins.covering(id)
	switch {
	case k.Owns(id):
		return chord.Peer{}, "", true
	case in != nil:
		return in.source, "", false
	case k.out != nil && k.out.released && k.out.covers(id):
		return k.out.receiver, k.out.id, false
	}
	if known, ok := k.claims.covering(id); ok && !hasLapsed(k.dead, known.owner, k.env.Now()) {
		return known.owner, "", false
	}
	return chord.Peer{}, "", false
}

// forward passes a request on and returns the answer.
func (k *Keeper) forward(ctx context.Context, q *nodepb.ApplyRequest, to chord.Peer, released string) *nodepb.ApplyResponse {
	a, err := ask(k, ctx, to, operationName(q.Operation), k.applyLimit(), func(keys nodepb.KeysServer, call *nodepb.Call) (*nodepb.ApplyResponse, error) {
		return keys.Apply(ctx, &nodepb.ApplyRequest{
			Call: call, RequestId: q.RequestId, Operation: q.Operation, Key: q.Key, Value: q.Value, TtlMillis: q.TtlMillis,
			Forwards: q.Forwards + 1, Released: released,
		})
	})
	if err != nil {
		return answerOnly(nodepb.ApplyResponse_OUTCOME_RETRY)
	}
	return &nodepb.ApplyResponse{Outcome: a.Outcome, Record: a.Record, Copies: a.Copies}
}

// serveGet reads a key of this member's range. While the range is unclean the other holders are asked too.
func (k *Keeper) serveGet(ctx context.Context, id chord.ID, key string) *nodepb.ApplyResponse {
	elsewhere, err := k.gather(ctx, key, chordevent.SpanGet)
	if err != nil {
		return answerOnly(nodepb.ApplyResponse_OUTCOME_RETRY)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.Owns(id) {
		return answerOnly(nodepb.ApplyResponse_OUTCOME_RETRY)
	}
	k.gets++
	r := k.store.Get(id, key)
	if elsewhere != nil && elsewhere.Newer(r) {
		r = elsewhere
	}
	if r == nil || r.Deleted || r.Expires != 0 && r.Expires <= k.env.Now().UnixMilli() {
		return answerOnly(nodepb.ApplyResponse_OUTCOME_NOT_FOUND)
	}
	return &nodepb.ApplyResponse{Outcome: nodepb.ApplyResponse_OUTCOME_OK, Record: recordToWire(r)}
}

// serveWrite writes a key of this member's range, and answers when the copies are made.
func (k *Keeper) serveWrite(ctx context.Context, q *nodepb.ApplyRequest, id chord.ID) *nodepb.ApplyResponse {
	operation := operationName(q.Operation)
	if _, err := k.gather(ctx, string(q.Key), operation); err != nil {
		return answerOnly(nodepb.ApplyResponse_OUTCOME_RETRY)
	}
	k.mu.Lock()
	own := k.reg.Load()
	if own == nil || !own.covers(id) {
		k.mu.Unlock()
		return answerOnly(nodepb.ApplyResponse_OUTCOME_RETRY)
	}
	req, run := k.requests.begin([requestIDSize]byte(q.RequestId), k.env.Now(), 2*k.cfg.OperationLimit)
	if !run {
		defer k.mu.Unlock()
		if req.running {
			return answerOnly(nodepb.ApplyResponse_OUTCOME_RETRY) // an earlier try is still at work
		}
		return written(&store.Record{Key: string(q.Key), Version: req.version, Writer: k.self.ID}, req.copies)
	}
	rec, err := k.write(req, q, id)
	if err != nil {
		k.requests.end(req)
		k.mu.Unlock()
		return answerOnly(nodepb.ApplyResponse_OUTCOME_EXHAUSTED)
	}
	move := k.out
	if move != nil && !(move.open && move.covers(id)) {
		move = nil
	}
	k.mu.Unlock()

	copies, err := k.spread(ctx, *own, rec, move, operation)

	k.mu.Lock()
	defer k.mu.Unlock()
	k.requests.end(req)
	switch {
	case errors.Is(err, errFull):
		return answerOnly(nodepb.ApplyResponse_OUTCOME_EXHAUSTED)
	case err != nil:
		return answerOnly(nodepb.ApplyResponse_OUTCOME_RETRY)
	}
	req.copies = copies
	if q.Operation == opPut {
		k.puts++
	} else {
		k.deletes++
	}
	return written(rec, copies)
}

func written(rec *store.Record, copies int) *nodepb.ApplyResponse {
	bare := *rec
	bare.Value = nil
	return &nodepb.ApplyResponse{Outcome: nodepb.ApplyResponse_OUTCOME_OK, Record: recordToWire(&bare), Copies: int32(copies)}
}

// write assigns the version of a request, once, and stores its record. A later try of the request brings the version held
// now to the copies once more: its own, or one that has superseded it. mu is held.
func (k *Keeper) write(req *request, q *nodepb.ApplyRequest, id chord.ID) (*store.Record, error) {
	old := k.store.Get(id, string(q.Key))
	if req.version != 0 && old != nil && old.Version >= req.version {
		return old, nil
	}
	rec := &store.Record{ID: id, Key: string(q.Key), Version: k.clock.Now(), Writer: k.self.ID, Deleted: q.Operation == opDelete}
	if old != nil && rec.Version <= old.Version {
		rec.Version = old.Version + 1 // the clock was set back since: the order of a key's versions goes before it
	}
	why := forKeeps // a tombstone makes room in the end
	if !rec.Deleted {
		why, rec.Value = forClient, q.Value
		if q.TtlMillis > 0 {
			rec.Expires = k.env.Now().UnixMilli() + q.TtlMillis
		}
		if rec.Size() > old.Size() && k.holdersFull() {
			return nil, errFull
		}
	}
	rec = k.dated(rec)
	if !k.budget.take(rec.Size()-old.Size(), why) {
		return nil, errFull
	}
	k.store.Put(rec)
	req.version = rec.Version
	return rec, nil
}

// holdersFull reports whether some holder of copies was at its limit for clients' writes when last heard. So what
// clients write does not eat up the reserves, beyond what is on its way when a limit is reached. mu is held.
func (k *Keeper) holdersFull() bool {
	for _, h := range k.holders {
		if h.full {
			return true
		}
	}
	return false
}
