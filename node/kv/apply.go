package kv

import (
	"context"
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// maxForwards bounds how often a request is forwarded: from the receiver of a handoff to its source, from a former
// owner to the present one, or one after the other.
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

// checkOperation validates a client's operation.
func checkOperation(op nodepb.ApplyRequest_Operation, key, value []byte, ttlMillis int64) error {
	switch {
	case op != opPut && op != opGet && op != opDelete:
		return fmt.Errorf("%w: unknown operation %d", ErrInvalid, op)
	case len(key) == 0 || len(key) > MaxKey:
		return fmt.Errorf("%w: key of %d bytes: must have 1 to %d", ErrInvalid, len(key), MaxKey)
	case len(value) > MaxValue:
		return fmt.Errorf("%w: value of %d bytes: at most %d", ErrInvalid, len(value), MaxValue)
	case ttlMillis < 0 || ttlMillis > maxTTLMillis:
		return fmt.Errorf("%w: TTL of %d ms: must be from 0 (none) to %d", ErrInvalid, ttlMillis, int64(maxTTLMillis))
	}
	return nil
}

// maxTTLMillis is a thousand years: it keeps the sum of a TTL and the time from overflowing.
const maxTTLMillis = 1000 * 366 * 24 * 3600 * 1000

// Apply runs one client operation for another member.
func (k *Keeper) Apply(ctx context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	a, err := k.serve(ctx, q)
	if err == nil {
		a.Reply = k.member.Reply()
	}
	return a, err
}

// serve runs one client operation if this member owns the key, and otherwise forwards it to the owner if that is known.
// The answer has no header.
func (k *Keeper) serve(ctx context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	if err := checkOperation(q.Operation, q.Key, q.Value, q.TtlMillis); err != nil {
		return nil, malformed(err)
	}
	if len(q.RequestId) != requestIDSize {
		return nil, malformed(fmt.Errorf("request ID of %d bytes: must have %d", len(q.RequestId), requestIDSize))
	}
	if q.Forwards < 0 {
		return nil, malformed(fmt.Errorf("request forwarded %d times: expected 0 or more", q.Forwards))
	}
	k.clock.Observe(q.Floor)
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
	return a, nil
}

// answerOnly returns an answer without a record.
func answerOnly(o nodepb.ApplyResponse_Outcome) *nodepb.ApplyResponse {
	return &nodepb.ApplyResponse{Outcome: o}
}

// route reports whether this member owns a point. If not, it returns the member to forward a request to, if any: the
// source of a handoff that has not released the range yet, or the owner that received it, with the ID of the handoff
// that released it.
func (k *Keeper) route(id chord.ID) (to chord.Peer, released string, mine bool) {
	if k.Owns(id) {
		return chord.Peer{}, "", true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	in := k.in.Covering(id)
	switch {
	case k.Owns(id):
		return chord.Peer{}, "", true
	case in != nil && in.Released:
		return chord.Peer{}, "", false // at the moment neither the source nor this member serves the range
	case in != nil:
		return in.Source, "", false
	}
	if out := k.out.Past(); out != nil && out.Covers(id) {
		return out.Receiver, out.ID, false
	}
	if known, ok := k.own.Table.Covering(id); ok && !known.Indirect && !k.dead.Has(known.Owner, k.env.Now()) {
		return known.Owner, "", false
	}
	return chord.Peer{}, "", false
}

// forward forwards a request and returns the whole answer, of which the caller replaces the header.
func (k *Keeper) forward(ctx context.Context, q *nodepb.ApplyRequest, to chord.Peer, released string) *nodepb.ApplyResponse {
	a, err := k.callApply(ctx, to, q, q.Forwards+1, released)
	if err != nil {
		return &nodepb.ApplyResponse{Outcome: nodepb.ApplyResponse_OUTCOME_RETRY, MaybeWritten: true}
	}
	return a
}
