package client

import (
	"context"
	"time"

	"chordconductor/node/nodepb"
)

// Keys are the operations on a ring's keys, for a Client and for an embedded host. A key has 1 byte
// to 1 KiB, a value at most 1 MiB; others are refused. An operation ends with its context, or when
// the host gives up (after twice its time limit of a lookup, 20 s by default). All errors are
// *Error.
type Keys struct{ service Service }

// InProcess returns the operations of a host in this process. Keys and values are copied in both
// directions, so that the caller may change its own.
func InProcess(s Service) Keys { return Keys{local{s}} }

// Service is the key service as calls reach it, in this process or another. nodepb.KVServer has these methods.
type Service interface {
	Put(context.Context, *nodepb.PutRequest) (*nodepb.PutResponse, error)
	Get(context.Context, *nodepb.GetRequest) (*nodepb.GetResponse, error)
	Delete(context.Context, *nodepb.DeleteRequest) (*nodepb.DeleteResponse, error)
	Lookup(context.Context, *nodepb.LookupRequest) (*nodepb.LookupResponse, error)
}

// Written is the result of an acknowledged write.
type Written struct {
	Owner    string // address of the host whose member owns the key
	Replicas int    // distinct hosts that hold the write, the owner's among them; the ring's number of replicas, or fewer
	Version  uint64 // of the record written
}

// Put stores a value under a key, and replaces any earlier one. The value is deleted after ttl,
// which is rounded down to whole milliseconds, at least 1 ms, and is at most 100 years. If ttl is
// 0, the value is never deleted.
//
// After an error other than ErrInvalid, ErrExhausted and ErrUnauthenticated the write may have been carried out.
func (k Keys) Put(ctx context.Context, key, value []byte, ttl time.Duration) (Written, error) {
	millis := ttl.Milliseconds()
	if ttl > 0 && millis == 0 { // 0 would mean never
		millis = 1
	}
	a, err := k.service.Put(ctx, &nodepb.PutRequest{Key: key, Value: value, TtlMillis: millis})
	return Written{a.GetLookup().GetOwner().GetAddress(), int(a.GetCopies()), a.GetVersion()}, err
}

// Get returns the value of a key. If the key has no value, the error is ErrNotFound.
func (k Keys) Get(ctx context.Context, key []byte) ([]byte, error) {
	a, err := k.service.Get(ctx, &nodepb.GetRequest{Key: key})
	return a.GetValue(), err
}

// Delete removes the value of a key. It is no error if the key has none. As after Put, an error may
// leave open whether the write was carried out.
func (k Keys) Delete(ctx context.Context, key []byte) (Written, error) {
	a, err := k.service.Delete(ctx, &nodepb.DeleteRequest{Key: key})
	return Written{a.GetLookup().GetOwner().GetAddress(), int(a.GetCopies()), a.GetVersion()}, err
}

// Lookup finds the owner of a key, whether or not the key has a value. It returns the owner, the
// path to it and, if the host sends traces, the trace ID.
func (k Keys) Lookup(ctx context.Context, key []byte) (*nodepb.Lookup, error) {
	a, err := k.service.Lookup(ctx, &nodepb.LookupRequest{Key: key})
	return a.GetLookup(), err
}
