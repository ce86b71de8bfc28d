package kv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"chordconductor/internal/duration"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/retry"
	"chordconductor/otel/chordevent"
)

// Put stores a value under a key, until ttl has passed if ttl is not 0. The caller must not change
// the value afterwards.
func (k *Keeper) Put(ctx context.Context, key, value []byte, ttl time.Duration) (Result, error) {
	millis := ttl.Milliseconds()
	if ttl > 0 && millis == 0 {
		millis = 1
	}
	return k.operate(ctx, opPut, key, value, millis)
}

// Get reads a key.
func (k *Keeper) Get(ctx context.Context, key []byte) (Result, error) {
	return k.operate(ctx, opGet, key, nil, 0)
}

// Delete removes a key. A missing key is not an error.
func (k *Keeper) Delete(ctx context.Context, key []byte) (Result, error) {
	return k.operate(ctx, opDelete, key, nil, 0)
}

// operate runs a client operation at the owner of the key: it looks the owner up, and retries while ownership is
// changing or after a member has died, for at most OperationLimit.
func (k *Keeper) operate(ctx context.Context, op nodepb.ApplyRequest_Operation, key, value []byte, ttlMillis int64) (Result, error) {
	if err := checkOperation(op, key, value, ttlMillis); err != nil {
		return Result{}, err
	}
	name, start := operationName(op), k.env.Now()
	ctx, span := k.tel.startAt(ctx, start, name)
	id := k.space.Hash(key)
	if span.IsRecording() {
		span.SetAttributes(k.keyAttribute(id))
		if op == opPut {
			span.SetAttributes(chordevent.ValueBytesKey.Int(len(value)))
		}
	}
	result, err := k.try(ctx, op, id, key, value, ttlMillis, start)
	if span.SpanContext().IsSampled() {
		result.Trace = span.SpanContext().TraceID()
	}
	outcome := chordevent.OutcomeOK
	switch {
	case errors.Is(err, ErrNotFound):
		outcome = chordevent.OutcomeNotFound
	case errors.Is(err, ErrExhausted):
		outcome = chordevent.OutcomeRefused
	case err != nil:
		outcome = chordevent.OutcomeFailed
	}
	if span.IsRecording() {
		span.SetAttributes(chordevent.OutcomeKey.String(outcome), chordevent.LookupOwnerKey.String(k.space.Format(result.Owner.ID)))
		if op != opGet {
			span.SetAttributes(chordevent.CopiesKey.Int(result.ReplicaCount))
		} else {
			span.SetAttributes(chordevent.ValueBytesKey.Int(len(result.Value)))
		}
	}
	if outcome == chordevent.OutcomeFailed || outcome == chordevent.OutcomeRefused {
		k.tel.end(span, err)
	} else {
		k.tel.end(span, nil)
	}
	k.tel.measure(ctx, name, outcome, k.env.Now().Sub(start))
	return result, err
}

// try repeats an operation until it has an answer. All tries have the same request ID, so that they
// make one write. Once a try may have been carried out, the write cannot be refused any more: the
// refusal of a later try covers only that try.
func (k *Keeper) try(ctx context.Context, op nodepb.ApplyRequest_Operation, id chord.ID, key, value []byte, ttlMillis int64, start time.Time) (Result, error) {
	request := make([]byte, requestIDSize)
	binary.BigEndian.PutUint64(request, k.env.Uint64())
	binary.BigEndian.PutUint64(request[8:], k.env.Uint64())
	deadline, floor, perhaps := start.Add(k.cfg.OperationLimit), k.clock.Now(), false
	for gap := time.Duration(0); ; {
		result, written, err := k.tryOnce(ctx, &nodepb.ApplyRequest{
			RequestId: request, Operation: op, Key: key, Value: value, TtlMillis: ttlMillis, Floor: floor, Again: perhaps,
		}, id)
		perhaps = perhaps || written && op != opGet
		if perhaps && errors.Is(err, ErrExhausted) {
			return result, fmt.Errorf("%w: an earlier try of the write may have been carried out (%v)", ErrUnavailable, ErrExhausted)
		}
		if err == nil || !errors.Is(err, errAgain) || stopped(err) {
			return result, err
		}
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		gap = retry.Operation.Next(gap)
		pause := k.jitter(gap)
		if k.env.Now().Add(pause).After(deadline) {
			return result, fmt.Errorf("%w (retried for %s; last error: %w)", ErrUnavailable, duration.Text(k.cfg.OperationLimit), err)
		}
		if err := k.env.Sleep(pause); err != nil {
			return result, err
		}
	}
}

// errAgain marks an error that a retry may resolve.
var errAgain = errors.New("the attempt failed")

// tryOnce makes one try. written reports whether a write that has failed may have been carried out.
func (k *Keeper) tryOnce(ctx context.Context, q *nodepb.ApplyRequest, id chord.ID) (result Result, written bool, err error) {
	owner, err := k.member.Lookup(ctx, id)
	if err != nil {
		return Result{}, false, fmt.Errorf("%w: %w", errAgain, err)
	}
	result = Result{Owner: owner}
	a, err := k.applyAt(ctx, owner, q)
	if err != nil {
		return result, true, fmt.Errorf("%w: %w", errAgain, err)
	}
	switch a.Outcome {
	case nodepb.ApplyResponse_OUTCOME_OK:
		result.Version, result.ReplicaCount, result.Value = a.Record.GetVersion(), int(a.Copies), a.Record.GetValue()
		result.Replicas = replicasFromWire(k.space, a.Holders)
		return result, true, nil
	case nodepb.ApplyResponse_OUTCOME_NOT_FOUND:
		return result, false, ErrNotFound
	case nodepb.ApplyResponse_OUTCOME_EXHAUSTED:
		return result, a.MaybeWritten, ErrExhausted
	case nodepb.ApplyResponse_OUTCOME_UNKNOWN:
		return result, true, fmt.Errorf("%w: %w", ErrUnavailable, errUnknown)
	}
	return result, a.MaybeWritten, fmt.Errorf("%w: %s answered %s", errAgain, owner.Addr, a.Outcome)
}

// applyLimit returns the time limit of an operation at the owner, which in that time sends the record to other hosts,
// and to further ones in place of those that do not answer.
func (k *Keeper) applyLimit() time.Duration { return 8 * k.cfg.CallLimit }

func (k *Keeper) applyAt(ctx context.Context, owner chord.Peer, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	if owner == k.self {
		return k.serve(ctx, q) // the header of an answer is for another member
	}
	return k.callApply(ctx, owner, q, q.Forwards, "")
}

// callApply sends an operation to a member. If a call is repeated because it was not answered, the first one may have
// been carried out: the repeated call states that, and its answer cannot rule it out.
func (k *Keeper) callApply(ctx context.Context, to chord.Peer, q *nodepb.ApplyRequest, forwards int32, released string) (*nodepb.ApplyResponse, error) {
	calls := 0
	a, err := ask(k, ctx, to, operationName(q.Operation), k.applyLimit(), func(keys nodepb.KeysClient, call *nodepb.Call) (*nodepb.ApplyResponse, error) {
		calls++
		return keys.Apply(ctx, &nodepb.ApplyRequest{
			Call: call, RequestId: q.RequestId, Operation: q.Operation, Key: q.Key, Value: q.Value, TtlMillis: q.TtlMillis,
			Forwards: forwards, Released: released, Floor: q.Floor, Again: q.Again || calls > 1,
		})
	})
	if err == nil && calls > 1 {
		a.MaybeWritten = true
	}
	return a, err
}
