package local

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/deploytest"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/chord"
	"chordconductor/otel"
	"chordconductor/otel/chordevent"
)

// The last member of a ring in this process also leaves only if it is forced.
func TestLastMemberOfALocalRing(t *testing.T) {
	s, err := scenario.Parse("test", []byte("ring: {members: 1}"))
	if err != nil {
		t.Fatal(err)
	}
	world := OpenWorld(s, time.Time{})
	defer world.Close()
	telemetry, err := otel.Memory(otel.MemoryConfig{
		Ring: deploy.RingName, Instance: "virtual", Random: rand.New(rand.NewPCG(1, 1)).Uint64, Now: world.Now, Sink: func(plog.Logs) {}, Spans: func(ptrace.Traces) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	fleet, host, err := world.Ring(s, telemetry)
	if err != nil {
		t.Fatal(err)
	}
	var ids []chord.ID
	run := func(task func(ctx context.Context) error) (err error) {
		done := false
		if err := host.Go(t.Context(), func(ctx context.Context) {
			err = task(ctx)
			done = true
		}); err != nil {
			t.Fatal(err)
		}
		if !world.RunUntil(time.Minute, 10*time.Millisecond, func() bool { return done }) {
			t.Fatal("a command does not end")
		}
		return err
	}
	if err := run(func(ctx context.Context) (err error) { ids, err = fleet.Start(ctx, 1, ""); return err }); err != nil {
		t.Fatal(err)
	}
	world.Run(10 * time.Second)
	h, m := fleet.memberOf(ids[0])
	deploytest.WantRefusal(t, func() error {
		return run(func(ctx context.Context) error { return fleet.Stop(ctx, ids[0], deploy.Leave) })
	}, m)
	if err := run(func(ctx context.Context) error { return fleet.Stop(ctx, ids[0], deploy.ForcedLeave) }); err != nil {
		t.Fatal(err)
	}
	if !world.RunUntil(time.Minute, 100*time.Millisecond, func() bool { return m.Status() == chordevent.StatusLeft && len(h.Members()) == 0 }) {
		t.Errorf("it is %s", m.Status())
	}
}
