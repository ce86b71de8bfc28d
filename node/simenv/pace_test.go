package simenv_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"chordconductor/node/simenv"
)

// The clock runs at any speed, stands still while work from outside is done, and runs without the wall clock.
func TestSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := simenv.New(simenv.Config{})
		h, _ := host(t, w, "a", 0)
		w.SetSpeed(0)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.Pace(ctx)
			w.Close()
		}()
		do := func(task func()) {
			t.Helper()
			if err := w.Do(t.Context(), h, func(context.Context) { task() }); err != nil {
				t.Fatal(err)
			}
		}
		var now time.Duration
		look := func() { now = w.Elapsed() }

		time.Sleep(time.Hour)
		if do(look); now != 0 {
			t.Errorf("at speed 0, %v pass", now)
		}
		for _, speed := range []float64{1, 10, 0.1} {
			do(look)
			from, begin := now, time.Now()
			w.SetSpeed(speed)
			do(func() { h.Sleep(10 * time.Second) })
			want := time.Duration(float64(10*time.Second) / speed)
			if took := time.Since(begin); took < want || took > want+time.Millisecond {
				t.Errorf("at speed %g, 10 s take %v", speed, took)
			}
			time.Sleep(time.Minute)
			passed := time.Duration(speed * float64(time.Since(begin)))
			if do(look); now-from < passed-time.Millisecond || now-from > passed+time.Millisecond {
				t.Errorf("at speed %g, %v have passed, expected %v", speed, now-from, passed)
			}
		}
		w.SetSpeed(simenv.FlatOut)
		do(look)
		from, begin := now, time.Now()
		do(func() { h.Sleep(time.Hour) })
		if took := time.Since(begin); took > 0 {
			t.Errorf("flat out, an hour takes %v", took)
		}
		time.Sleep(time.Hour)
		if do(look); now != from+time.Hour {
			t.Errorf("flat out, without anything to do, %v have passed since an hour was over", now-from-time.Hour)
		}
		cancel()
		<-ended
	})
}
