package service_test

import (
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/internal/polltest"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/service"
)

// TestRingWithoutKeys: a ring that stores no keys refuses clients' operations as a failed precondition.
func TestRingWithoutKeys(t *testing.T) {
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	h, err := member.NewHost(member.Config{Stabilize: 50 * time.Millisecond, RingOnly: true}, e.Address(), e, member.Telemetry{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Crash()
	e.Serve(h, h, nil, func(grpc.ServiceRegistrar) {})
	if _, err := h.Start(1); err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "the member is active", func() bool { return h.Members()[0].Status() == "active" })
	keys, ctx := service.NewKV(h, "test"), t.Context()
	for name, call := range map[string]func() error{
		"put":    func() error { _, err := keys.Put(ctx, &nodepb.PutRequest{Key: []byte("k")}); return err },
		"get":    func() error { _, err := keys.Get(ctx, &nodepb.GetRequest{Key: []byte("k")}); return err },
		"delete": func() error { _, err := keys.Delete(ctx, &nodepb.DeleteRequest{Key: []byte("k")}); return err },
	} {
		if err := call(); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("%s: %v", name, err)
		}
	}
}
