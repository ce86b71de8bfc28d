package member_test

import (
	"context"
	"testing"
	"time"

	"chordconductor/node/member"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// Every member numbers its events without gaps, sends a keyframe at its start, at least every period, and after a loss.
func TestKeyframes(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 6})
	rec := newRecorder(w.Now)
	w.events = rec
	cfg := ringOnly
	cfg.Keyframe = 4 * time.Second
	const members = 6
	f := newFleet(t, w, cfg, members)
	f.ideal(20 * time.Second)
	state := string(chordevent.KindState)
	if rec.counts[state] < members {
		t.Errorf("%d keyframes of %d members at the start", rec.counts[state], members)
	}
	f.rest(10 * time.Second)
	before := rec.counts[state]
	f.rest(40 * time.Second)
	if n := rec.counts[state] - before; n < 10*members || n > 14*members {
		t.Errorf("%d keyframes of %d members in ten periods", n, members)
	}
	before = rec.counts[state]
	for _, h := range f.hosts {
		h.Recovered()
	}
	f.rest(1200 * time.Millisecond)
	if n := rec.counts[state] - before; n < members {
		t.Errorf("%d keyframes of %d members after export works again", n, members)
	}
	if len(rec.gaps) > 0 {
		t.Error(rec.gaps)
	}
}

func TestKeyframeAfterLoss(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 6})
	rec := newRecorder(w.Now)
	e, err := w.World.Host("a:1")
	if err != nil {
		t.Fatal(err)
	}
	lost := int64(0)
	cfg := ringOnly
	cfg.Keyframe = time.Hour
	h, err := member.NewHost(cfg, "a:1", e, member.Telemetry{Events: rec, Lost: func() int64 { return lost }})
	if err != nil {
		t.Fatal(err)
	}
	e.Serve(h, h, nil)
	if _, err := h.Start(1); err != nil {
		t.Fatal(err)
	}
	w.Run(5 * time.Second)
	before := rec.counts[string(chordevent.KindState)]
	lost = 17
	w.Run(time.Second)
	if n := rec.counts[string(chordevent.KindState)] - before; n != 1 {
		t.Errorf("%d keyframes after a loss", n)
	}
}

// The last event of a leaver is Left, and no neighbor reports the leaver as failed.
func TestGracefulLeaveIsNoFailure(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 8})
	rec := newRecorder(w.Now)
	w.events = rec
	f := newFleet(t, w, ringOnly, 10)
	f.ideal(20 * time.Second)
	f.rest(10 * time.Second)
	h := f.hosts[4] // which stays, and answers for its member that has left
	w.do(t, h, func(ctx context.Context) {
		if _, err := h.Leave(ctx); err != nil {
			t.Error(err)
		}
	})
	f.ideal(20 * time.Second)
	f.rest(20 * time.Second)
	if n := rec.counts[string(chordevent.KindPeerFailed)]; n > 0 {
		t.Errorf("%d peers found dead", n)
	}
	if rec.counts[string(chordevent.KindLeaving)] != 1 || rec.counts[string(chordevent.KindLeft)] != 1 {
		t.Errorf("%v", rec.counts)
	}
}
