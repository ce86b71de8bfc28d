package remote

import (
	"context"
	"testing"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/deploytest"
	"chordconductor/conductor/ring"
	"chordconductor/internal/polltest"
	"chordconductor/otel/chordevent"
)

// The last member of a ring leaves only if it is forced; the refusal names that option.
func TestLastMemberOfARemoteRing(t *testing.T) {
	h := remoteHost(t)
	if _, err := h.Start(1); err != nil {
		t.Fatal(err)
	}
	m := h.Members()[0]
	polltest.Until(t, "it owns the ring", func() bool {
		return m.Status() == chordevent.StatusActive && m.Keys().Ownership().Owns
	})
	view := viewOf(h)
	fleet := New(func() *ring.View { return view }, controlToken, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	defer fleet.Close(ctx)
	deploytest.WantRefusal(t, func() error { return fleet.Stop(ctx, m.Self().ID, deploy.Leave) }, m)
	if err := fleet.Stop(ctx, m.Self().ID, deploy.ForcedLeave); err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "it has left", func() bool { return m.Status() == chordevent.StatusLeft && len(h.Members()) == 0 })
}
