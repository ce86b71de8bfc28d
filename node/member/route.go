package member

import (
	"bytes"
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// The host's side of the peer-to-peer services: each method reads the request, finds the member,
// and lets it answer.

// noMember returns the answer to a call for a member that is not on this host. If that member has
// left, the answer names it, so that its peers do not take it for crashed.
func (h *Host) noMember(call *nodepb.Call) *nodepb.Reply {
	return &nodepb.Reply{Status: notMember, Self: h.hasLeft(call.GetTarget()), ClockMillis: h.env.Wall().UnixMilli(), Version: Version}
}

// hasLeft returns the latest incarnation with identifier id among the members that have left lately, or nil.
func (h *Host) hasLeft(id []byte) *nodepb.Peer {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range slices.Backward(h.departed) {
		if bytes.Equal(p.Id, id) {
			return p
		}
	}
	return nil
}

func malformed(err error) error { return status.Error(codes.InvalidArgument, err.Error()) }

func (h *Host) Ping(_ context.Context, q *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	m, _, err := h.route(q.Call)
	if m == nil {
		return &nodepb.PingResponse{Reply: h.noMember(q.Call)}, err
	}
	return m.servePing(), nil
}

func (h *Host) Neighbors(_ context.Context, q *nodepb.NeighborsRequest) (*nodepb.NeighborsResponse, error) {
	m, _, err := h.route(q.Call)
	if m == nil {
		return &nodepb.NeighborsResponse{Reply: h.noMember(q.Call)}, err
	}
	return m.serveNeighbors(), nil
}

func (h *Host) Notify(ctx context.Context, q *nodepb.NotifyRequest) (*nodepb.NotifyResponse, error) {
	m, from, err := h.route(q.Call)
	if m == nil {
		return &nodepb.NotifyResponse{Reply: h.noMember(q.Call)}, err
	}
	if !from.Real() || from.Incarnation == 0 {
		return nil, status.Error(codes.InvalidArgument, "a Notify request whose caller has no identifier or no incarnation")
	}
	return m.serveNotify(ctx, from.Peer), nil
}

func (h *Host) Hint(ctx context.Context, q *nodepb.HintRequest) (*nodepb.HintResponse, error) {
	m, from, err := h.route(q.Call)
	if m == nil {
		return &nodepb.HintResponse{Reply: h.noMember(q.Call)}, err
	}
	contact, err := wire.ReadRef(h.space, q.Contact)
	if err != nil {
		return nil, malformed(err)
	}
	hosts, err := wire.ReadPeers(h.space, q.Hosts)
	if err != nil {
		return nil, malformed(err)
	}
	if q.Kind == nodepb.HintRequest_KIND_HOSTS {
		contact = from // the owner of the host list
	}
	return m.serveHint(ctx, q, contact.Peer, hosts), nil
}

func (h *Host) Depart(ctx context.Context, q *nodepb.DepartRequest) (*nodepb.DepartResponse, error) {
	m, from, err := h.route(q.Call)
	if m == nil {
		return &nodepb.DepartResponse{Reply: h.noMember(q.Call)}, err
	}
	pred, err := wire.ReadRef(h.space, q.Predecessor)
	if err != nil {
		return nil, malformed(err)
	}
	succ, err := wire.ReadPeers(h.space, q.Successors)
	if err != nil {
		return nil, malformed(err)
	}
	return m.serveDepart(ctx, from.Peer, pred.Peer, succ), nil
}

func (h *Host) FindNext(ctx context.Context, q *nodepb.FindNextRequest) (*nodepb.FindNextResponse, error) {
	m, _, err := h.route(q.Call)
	if m == nil {
		return &nodepb.FindNextResponse{Reply: h.noMember(q.Call)}, err
	}
	key, err := wire.ReadID(h.space, q.Key)
	if err != nil {
		return nil, malformed(err)
	}
	return m.serveFindNext(ctx, q, key), nil
}

func (h *Host) Forward(ctx context.Context, q *nodepb.ForwardRequest) (*nodepb.ForwardResponse, error) {
	m, _, err := h.route(q.Call)
	if m == nil {
		return &nodepb.ForwardResponse{Reply: h.noMember(q.Call)}, err
	}
	key, err := wire.ReadID(h.space, q.Key)
	if err != nil {
		return nil, malformed(err)
	}
	return m.serveForward(ctx, q, key)
}

func (h *Host) Answer(_ context.Context, q *nodepb.AnswerRequest) (*nodepb.AnswerResponse, error) {
	m, _, err := h.route(q.Call)
	if m == nil {
		return &nodepb.AnswerResponse{Reply: h.noMember(q.Call)}, err
	}
	return m.serveAnswer(q)
}

// keysOf returns the Keys of the member that a call is for.
func (h *Host) keysOf(call *nodepb.Call) (Keys, error) {
	m, _, err := h.route(call)
	if m == nil {
		return nil, err
	}
	return m.keys, nil
}

func (h *Host) Apply(ctx context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	keys, err := h.keysOf(q.Call)
	if keys == nil {
		return &nodepb.ApplyResponse{Reply: h.noMember(q.Call)}, err
	}
	return keys.Apply(ctx, q)
}

func (h *Host) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	keys, err := h.keysOf(q.Call)
	if keys == nil {
		return &nodepb.SurveyResponse{Reply: h.noMember(q.Call)}, err
	}
	return keys.Survey(ctx, q)
}

func (h *Host) Claim(ctx context.Context, q *nodepb.ClaimRequest) (*nodepb.ClaimResponse, error) {
	keys, err := h.keysOf(q.Call)
	if keys == nil {
		return &nodepb.ClaimResponse{Reply: h.noMember(q.Call)}, err
	}
	return keys.Claim(ctx, q)
}

func (h *Host) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	keys, err := h.keysOf(q.Call)
	if keys == nil {
		return &nodepb.MoveResponse{Reply: h.noMember(q.Call)}, err
	}
	return keys.Move(ctx, q)
}

func (h *Host) Replicate(ctx context.Context, q *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
	keys, err := h.keysOf(q.Call)
	if keys == nil {
		return &nodepb.ReplicateResponse{Reply: h.noMember(q.Call)}, err
	}
	return keys.Replicate(ctx, q)
}

func (h *Host) Fetch(ctx context.Context, q *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
	keys, err := h.keysOf(q.Call)
	if keys == nil {
		return &nodepb.FetchResponse{Reply: h.noMember(q.Call)}, err
	}
	return keys.Fetch(ctx, q)
}

func (h *Host) Compare(ctx context.Context, q *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	keys, err := h.keysOf(q.Call)
	if keys == nil {
		return &nodepb.CompareResponse{Reply: h.noMember(q.Call)}, err
	}
	return keys.Compare(ctx, q)
}

func (h *Host) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	keys, err := h.keysOf(q.Call)
	if keys == nil {
		return &nodepb.DiscardResponse{Reply: h.noMember(q.Call)}, err
	}
	return keys.Discard(ctx, q)
}
