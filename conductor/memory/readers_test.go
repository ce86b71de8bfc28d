package memory

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The reader that has taken nothing for longest is cut, and who needs room gets it once that one has let go.
func TestTheSlowestReaderIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Readers{Share: NewShare("x", 100)}
		var cut []int
		readers := map[int]*Reader{}
		begin := func(n int) {
			if !r.Take(t.Context(), 30, time.Second) {
				t.Errorf("no room for %d", n)
			}
			readers[n] = r.Begin(func() {
				cut = append(cut, n)
				go func() {
					time.Sleep(time.Millisecond)
					readers[n].End()
					r.Give(30)
				}()
			})
		}
		for n := range 3 {
			begin(n)
		}
		readers[0].Progress(func() {})
		begin(3)
		begin(4)
		if len(cut) != 2 || cut[0] != 1 || cut[1] != 2 || r.Share.Used() != 90 || r.Share.usage().Refused != 2 {
			t.Errorf("cut: %v, %+v", cut, r.Share.usage())
		}
		if r.Take(t.Context(), 101, time.Second) {
			t.Error("more than there is")
		}
		none := &Readers{}
		if !none.Take(t.Context(), 1<<40, 0) || !none.Room(t.Context(), 0) {
			t.Error("no share is full")
		}
	})
}

// Nobody waits longer than the patience, and what is counted in the end is nothing.
func TestReadersUnderLoad(t *testing.T) {
	r := &Readers{Share: NewShare("x", 1000)}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 300 {
				n := random.Int64N(400)
				if !r.Take(context.Background(), n, time.Minute) {
					t.Error("no room in a minute")
					return
				}
				ctx, cancel := context.WithCancel(context.Background())
				one := r.Begin(cancel)
				one.Progress(func() {})
				if random.IntN(4) == 0 {
					<-ctx.Done() // never takes anything, until it is cut
				}
				one.End()
				cancel()
				r.Give(n)
			}
		})
	}
	done := make(chan struct{})
	go func() { // the last ones who take nothing are cut by nobody else
		defer close(done)
		all.Wait()
	}()
	for {
		select {
		case <-done:
			if r.Share.Used() != 0 {
				t.Errorf("%d are taken", r.Share.Used())
			}
			return
		case <-time.After(time.Millisecond):
			if r.Take(context.Background(), 1000, time.Millisecond) {
				r.Give(1000)
			}
		}
	}
}
