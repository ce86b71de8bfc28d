package grpcenv

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

func TestPatience(t *testing.T) {
	const limit = 500 * time.Millisecond
	var l lateness
	is := func(what string, want time.Duration) {
		t.Helper()
		if got := l.grant(limit); got != want {
			t.Errorf("%s: a call may take %v, want %v", what, got, want)
		}
	}
	l.saw(4 * time.Millisecond)
	is("on time", limit)
	l.saw(100 * time.Millisecond)
	is("late", limit+800*time.Millisecond)
	l.saw(40 * time.Millisecond)
	is("less late, just now", limit+750*time.Millisecond)
	for range 10 {
		l.saw(0)
	}
	if got := l.grant(limit); got < limit+300*time.Millisecond || got > limit+450*time.Millisecond {
		t.Errorf("a second later a call may take %v", got)
	}
	for range 300 {
		l.saw(0)
	}
	if got := l.grant(limit); got > limit+time.Millisecond {
		t.Errorf("half a minute later a call may take %v", got)
	}
	l.saw(time.Hour)
	is("stopped", 9*limit)
	for range 30 {
		l.saw(0)
	}
	if got := l.grant(limit); got > 4*limit {
		t.Errorf("three seconds after it was stopped a call may take %v", got)
	}
}

type slowKeys struct{ nodepb.UnimplementedKeysServer }

func (slowKeys) Apply(context.Context, *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	time.Sleep(2 * time.Second)
	return &nodepb.ApplyResponse{}, nil
}

// A call to the host itself is granted as much time as a call to another host, since it may wait
// for one.
func TestPatienceWithItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Env{addr: "self:1", stop: make(chan struct{}), own: env.NewServices(nodepb.UnimplementedRingServer{}, slowKeys{}, nil)}
		e.late.saw(100 * time.Millisecond)
		begin := time.Now()
		if _, err := env.Keys(e, "self:1", 500*time.Millisecond).Apply(t.Context(), &nodepb.ApplyRequest{}); !errors.Is(err, env.ErrTimeout) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begin); took != 1300*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		e.tasks.Wait()
	})
}

// The host of an idle machine is never late, and watch returns when it is stopped.
func TestWatchOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lateness
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() {
			l.watch(stop)
			close(ended)
		}()
		time.Sleep(time.Minute)
		close(stop)
		<-ended
		if late := l.nanos.Load(); late != 0 {
			t.Errorf("late by %v", time.Duration(late))
		}
	})
}
