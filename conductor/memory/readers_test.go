package memory

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// The reader that has received nothing for longest is disconnected, and a reader that waits for memory gets it once the
// disconnected one has given its memory back.
func TestTheSlowestReaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Readers{Share: NewShare("x", 100)}
		var dropped []int
		readers := map[int]*Reader{}
		begin := func(n int) {
			if !r.Take(t.Context(), 30, time.Second) {
				t.Errorf("no room for %d", n)
			}
			readers[n] = r.Begin(func() {
				dropped = append(dropped, n)
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
		time.Sleep(time.Second)
		readers[0].Progress(func() {})
		begin(3)
		begin(4)
		if len(dropped) != 2 || dropped[0] != 1 || dropped[1] != 2 || r.Share.Used() != 90 || r.Share.usage().Refused != 2 {
			t.Errorf("dropped: %v, %+v", dropped, r.Share.usage())
		}
		if r.Take(t.Context(), 101, time.Second) {
			t.Error("more than the limit")
		}
		none := &Readers{}
		if !none.Take(t.Context(), 1<<40, 0) || !none.Room(t.Context(), 0) {
			t.Error("no share is full")
		}
	})
}

// However many writers wait for room, and however many readers have stopped reading, a reader that reads is not
// disconnected, and each writer has room soon.
func TestAReaderThatReadsStays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		stopped, waiting := rapid.IntRange(1, 20).Draw(rt, "stopped"), rapid.IntRange(1, 20).Draw(rt, "waiting")
		before := rapid.IntRange(0, 2000).Draw(rt, "ms before") // since the others stopped
		ends := rapid.IntRange(0, 200).Draw(rt, "ms to end")
		room := rapid.IntRange(1, stopped).Draw(rt, "room")
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			r := &Readers{Share: NewShare("x", int64(room))}
			var all sync.WaitGroup
			for range stopped {
				r.Share.Hold(1)
				all.Go(func() {
					ended := make(chan struct{})
					one := r.Begin(func() { close(ended) })
					select {
					case <-ended:
						time.Sleep(time.Duration(ends) * time.Millisecond)
					case <-ctx.Done():
					}
					one.End()
					r.Give(1)
				})
			}
			all.Go(func() { // a message of 50 ms after the other
				for ctx.Err() == nil {
					r.Share.Hold(1)
					one := r.Begin(func() { t.Error("the reader that reads was disconnected") })
					time.Sleep(50 * time.Millisecond)
					one.End()
					r.Give(1)
				}
			})
			time.Sleep(time.Duration(before) * time.Millisecond)
			synctest.Wait()
			var waits sync.WaitGroup
			for range waiting {
				waits.Go(func() {
					begun := time.Now()
					if !r.Room(ctx, 5*time.Second) {
						t.Error("no room")
					}
					if took := time.Since(begun); took > stall+time.Duration((stopped+1-room)*ends)*time.Millisecond {
						t.Errorf("room after %v", took)
					}
				})
			}
			waits.Wait()
			cancel()
			all.Wait()
		})
	})
}

// Readers that receive a little now and then are disconnected, too, before the time limit of a waiting writer.
func TestReadersThatDripAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Readers{Share: NewShare("x", 1)}
		r.Share.Hold(2)
		go func() {
			goOn := true
			one := r.Begin(func() {})
			for goOn {
				time.Sleep(stall / 2)
				goOn = one.Progress(func() {})
			}
			r.Give(2)
		}()
		if !r.Room(t.Context(), 5*time.Second) {
			t.Error("no room")
		}
	})
}

// No reader waits longer than its patience, and in the end no memory is counted.
func TestReadersUnderLoad(t *testing.T) { synctest.Test(t, readersUnderLoad) }

func readersUnderLoad(t *testing.T) {
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
					<-ctx.Done() // never takes anything, until it is dropped
				}
				one.End()
				cancel()
				r.Give(n)
			}
		})
	}
	done := make(chan struct{})
	go func() { // no other reader drops the last ones that receive nothing
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
