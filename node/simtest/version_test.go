package simtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"chordconductor/node/env"
	"chordconductor/node/kv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
)

// version1 is the greatest field number of each message of version 1 of the protocol between hosts. It never changes.
var version1 = map[protoreflect.Name]protoreflect.FieldNumber{
	"AnswerRequest": 5, "AnswerResponse": 1, "ApplyRequest": 8, "ApplyResponse": 4, "Arc": 4, "Call": 7, "Candidate": 4,
	"ClaimRequest": 2, "ClaimResponse": 3, "CompareRequest": 3, "CompareResponse": 6, "DepartRequest": 3, "DepartResponse": 1,
	"Difference": 3, "DiscardRequest": 3, "DiscardResponse": 2, "FetchRequest": 2, "FetchResponse": 3, "FindNextRequest": 4,
	"FindNextResponse": 4, "ForwardRequest": 8, "ForwardResponse": 1, "HintRequest": 4, "HintResponse": 1, "Hop": 5,
	"MoveRequest": 10, "MoveResponse": 3, "NeighborsRequest": 1, "NeighborsResponse": 3, "NotifyRequest": 1,
	"NotifyResponse": 1, "Ownership": 3, "Peer": 4, "PingRequest": 1, "PingResponse": 2, "Record": 6, "ReplicateRequest": 4,
	"ReplicateResponse": 6, "Reply": 3, "SurveyRequest": 3, "SurveyResponse": 7, "Version": 3,
}

// version1Enums is the greatest value of each enumeration to which version 2 has added some. It never changes.
var version1Enums = map[protoreflect.FullName]protoreflect.EnumNumber{"chord.v1.HintRequest.Kind": 2, "chord.v1.ApplyResponse.Outcome": 5}

// older removes from a message, and from the messages in it, all fields that version 1 did not have. The original stays
// as it is.
func older[M proto.Message](m M) M {
	m = proto.CloneOf(m)
	strip(m.ProtoReflect())
	return m
}

func strip(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Number() > version1[m.Descriptor().Name()]:
			m.Clear(f)
		case f.Enum() != nil:
			if last, ok := version1Enums[f.Enum().FullName()]; ok && v.Enum() > last {
				m.Clear(f) // reset to the default, as version 1 ignored unknown fields
			}
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				strip(v.List().Get(i).Message())
			}
		case f.Message() != nil && !f.IsMap():
			strip(v.Message())
		}
		return true
	})
}

// pinned is the environment of a host of version 1: all that it sends and receives is of that version.
type pinned struct{ env.Env }

func (p pinned) Conn(addr string, limit time.Duration) grpc.ClientConnInterface {
	return env.Call(func(ctx context.Context, method string, request, answer any) error {
		if method == nodepb.Ring_LastCall_FullMethodName {
			return errUnknownMethod
		}
		err := p.Env.Conn(addr, limit).Invoke(ctx, method, older(request.(proto.Message)), answer)
		if err == nil {
			env.Share(answer, older(answer.(proto.Message)))
		}
		return err
	})
}

// serveOlder is an interceptor of such a host.
func serveOlder(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if info.FullMethod == nodepb.Ring_LastCall_FullMethodName {
		return nil, errUnknownMethod
	}
	answer, err := next(ctx, older(request.(proto.Message)))
	if err != nil {
		return nil, err
	}
	return older(answer.(proto.Message)), nil
}

var errUnknownMethod = status.Error(codes.Unimplemented, "unknown method LastCall")

// TestRollingRestart replaces the five hosts of a ring one after the other, under load: from version 1 to this one, and
// back. Nothing is lost, no get misses, and the ring is in order in between, when it is mixed. The successor lists
// reach all hosts, since version 1 has no host lists.
func TestRollingRestart(t *testing.T) {
	const keys = 60
	for _, newer := range []bool{true, false} {
		for seed := range uint64(several(4)) { // the last one with a copy on every host
			t.Run(fmt.Sprintf("to newer %v, seed %d", newer, seed), func(t *testing.T) {
				r := newRing(seed, plan{bits: 32, successors: 8, replicas: []int{1, 2, 3, 5}[seed], virtual: 2, keys: keys})
				t.Cleanup(r.w.Close)
				r.pinned = func(n int) bool { return newer == (n <= 5) }
				for range 5 {
					r.add()
				}
				r.settle(t)
				o := newOracle(r)
				r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
					for n := range keys {
						o.write(ctx, k, n, false)
					}
				})
				stop := false
				for c := range 4 {
					var client func(n int)
					client = func(n int) {
						if stop {
							return
						}
						h := r.hosts[(c+n)%len(r.hosts)]
						if k := h.keeper(n); k != nil && !h.leaving {
							_ = h.layer.Go(context.Background(), func(ctx context.Context) { // a host that has ended does nothing
								if n%3 == 0 {
									o.write(ctx, k, (n*7+c)%keys, n%9 == 0)
								} else {
									o.read(ctx, k, (n*11+c)%keys)
								}
							})
						}
						r.w.At(20*time.Millisecond, func() { client(n + 1) })
					}
					client(0)
				}
				for n := range 5 {
					old := r.hosts[0]
					r.leaveAll(t, old)
					r.w.Run(time.Second) // its process ends
					r.addAt(old.addr, 0) // at the same address, as a restart is
					r.settle(t)
					if len(r.hosts) != 5 || r.started != 6+n {
						t.Fatalf("%d hosts, %d started", len(r.hosts), r.started)
					}
					r.w.Run(5 * time.Second)
				}
				stop = true
				r.w.Run(time.Minute)
				r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) { o.final(ctx, k) })
				o.atRest()
				if len(o.wrong) > 0 || o.gets < 500 {
					t.Errorf("%d gets, %d puts, %d missed: %q", o.gets, o.puts, o.missed, o.wrong)
				}
			})
		}
	}
}

// TestOtherVersions: a host answers hosts of the version before its own and of the one after, and refuses others in one
// line that names both versions; it accepts no answer of theirs either.
func TestOtherVersions(t *testing.T) {
	r := settledRing(t, plan{hosts: 1, replicas: 1})
	h := r.hosts[0]
	cfg := h.Config()
	for version := uint32(0); version <= member.Version+3; version++ {
		_, err := h.Ping(t.Context(), &nodepb.PingRequest{Call: &nodepb.Call{
			Version: version, Ring: cfg.Ring, Bits: uint32(cfg.Bits), Successors: uint32(cfg.Successors), Replicas: uint32(cfg.Replicas),
		}})
		meant := max(version, 1) // version 1 did not send it
		if apart := max(meant, member.Version) - min(meant, member.Version); apart <= 1 {
			if err != nil {
				t.Errorf("version %d: %v", version, err)
			}
			continue
		}
		text := status.Convert(err).Message()
		if status.Code(err) != codes.FailedPrecondition || !strings.Contains(text, fmt.Sprintf("version %d", meant)) ||
			!strings.Contains(text, fmt.Sprintf("this host %d", member.Version)) || strings.Contains(text, "\n") {
			t.Errorf("version %d: %v", version, err)
		}
		peer := h.Any().Self()
		peer.Addr = "other:7000"
		if err := h.Any().Received(peer, &nodepb.Reply{Status: nodepb.Reply_STATUS_OK, Version: version}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("version %d", meant)) {
			t.Errorf("an answer of version %d: %v", version, err)
		}
	}
}
