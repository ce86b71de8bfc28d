package remote

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/node/nodepb"
)

// Client gives access to a host's key service.
func (r *Fleet) Client(address string) deploy.Client {
	if _, err := r.conn(address); err != nil {
		return nil
	}
	return hostClient{r, address}
}

// callLimit bounds an operation on a remote host, which has limits of its own below it.
const callLimit = 12 * time.Second

type hostClient struct {
	fleet   *Fleet
	address string
}

func remoteCall[Q, A any](ctx context.Context, c hostClient, writes bool, call func(nodepb.KVClient, context.Context, Q, ...grpc.CallOption) (A, error), q Q) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var answer A
	cc, err := c.fleet.proven(ctx, c.address)
	if err != nil && !errors.Is(err, context.Canceled) {
		return answer, deploy.NotSent(err) // the error names the host
	}
	if err == nil {
		answer, err = call(nodepb.NewKVClient(cc), ctx, q)
		if writes && !errors.Is(err, context.Canceled) {
			err = unsure(err)
		}
	}
	if errors.Is(err, context.Canceled) {
		return answer, err
	}
	return answer, explain(c.address, err)
}

func (c hostClient) Put(ctx context.Context, q *nodepb.PutRequest) (*nodepb.PutResponse, error) {
	return remoteCall(ctx, c, true, nodepb.KVClient.Put, q)
}

func (c hostClient) Get(ctx context.Context, q *nodepb.GetRequest) (*nodepb.GetResponse, error) {
	return remoteCall(ctx, c, false, nodepb.KVClient.Get, q)
}

func (c hostClient) Delete(ctx context.Context, q *nodepb.DeleteRequest) (*nodepb.DeleteResponse, error) {
	return remoteCall(ctx, c, true, nodepb.KVClient.Delete, q)
}

func (c hostClient) Lookup(ctx context.Context, q *nodepb.LookupRequest) (*nodepb.LookupResponse, error) {
	return remoteCall(ctx, c, false, nodepb.KVClient.Lookup, q)
}
