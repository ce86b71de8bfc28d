package client

import (
	"context"
	"slices"

	"chordconductor/node/nodepb"
)

// local is the key service of a host in this process, which stores the bytes that it is given, and returns those that it
// has stored.
type local struct{ Service }

func (l local) Put(ctx context.Context, q *nodepb.PutRequest) (*nodepb.PutResponse, error) {
	q.Key, q.Value = slices.Clone(q.Key), slices.Clone(q.Value)
	a, err := l.Service.Put(ctx, q)
	return a, explain("", "", err)
}

func (l local) Get(ctx context.Context, q *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	q.Key = slices.Clone(q.Key)
	a, err := l.Service.Get(ctx, q)
	if err != nil {
		return nil, explain("", "", err)
	}
	return &nodepb.GetResponse{Lookup: a.Lookup, Value: slices.Clone(a.Value), Version: a.Version}, nil
}

func (l local) Delete(ctx context.Context, q *nodepb.DeleteRequest) (*nodepb.DeleteResponse, error) {
	q.Key = slices.Clone(q.Key)
	a, err := l.Service.Delete(ctx, q)
	return a, explain("", "", err)
}

func (l local) Lookup(ctx context.Context, q *nodepb.LookupRequest) (*nodepb.LookupResponse, error) {
	a, err := l.Service.Lookup(ctx, q)
	return a, explain("", "", err)
}
