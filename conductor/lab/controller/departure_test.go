package controller

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/ring"
	"chordconductor/node/member"
	"chordconductor/otel/chordevent"
)

// The last member of a ring leaves only if it is forced; the refusal names that option.
func TestLastMemberOfARemoteRing(t *testing.T) {
	h := remoteHost(t)
	if _, err := h.Start(1); err != nil {
		t.Fatal(err)
	}
	m := h.Members()[0]
	waitFor(t, "it owns the ring", func() bool {
		return m.Status() == chordevent.StatusActive && m.Keys().Ownership().Owns
	})
	view := viewOf(h)
	fleet := NewRemote(func() *ring.View { return view }, controlToken, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	defer fleet.Close(ctx)
	wantRefusal(t, func() error { return fleet.Stop(ctx, m.Self().ID, deploy.Leave) }, m)
	if err := fleet.Stop(ctx, m.Self().ID, deploy.ForcedLeave); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it has left", func() bool { return m.Status() == chordevent.StatusLeft && len(h.Members()) == 0 })
}

func wantRefusal(t *testing.T, leave func() error, m *member.Member) {
	t.Helper()
	err := leave()
	if err == nil || !strings.Contains(err.Error(), "force the leave") || m.Status() != chordevent.StatusActive {
		t.Fatalf("a leave that is not forced: %v, status %s", err, m.Status())
	}
	if !errors.Is(err, deploy.ErrConflict) && status.Code(err) != codes.FailedPrecondition { // 409, both
		t.Errorf("refused as %v", err)
	}
}
