package ingest

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
)

// Requests that take their memory step by step, as decompression does, must not deadlock, however many there are at the
// same time and whatever their sizes: each gets all the memory that it needs as soon as the requests before it are
// done.
func TestRequestsDoNotHoldMemoryAndWait(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			b := budget(t, 256<<20<<random.IntN(3))
			gate := newGate(Config{Memory: b, MaxInFlight: 64})
			// Several large requests can run at the same time, as with more processors.
			gate.events = newClass(b.Decode.Limit()/2, 64, 4, semaphore.NewWeighted(4))
			begin, n := time.Now(), 1+random.IntN(100)
			var all sync.WaitGroup
			for range n {
				lane := []*lane{gate.events.small, gate.events.large}[random.IntN(2)]
				size := 1 + random.Int64N(lane.most)
				steps := 1 + random.Int64N(8)
				all.Go(func() {
					err := gate.in(t.Context(), lane, func(w *work) error {
						for range steps {
							if err := w.hold(context.Background(), size/steps); err != nil {
								return err
							}
							time.Sleep(time.Millisecond)
						}
						return nil
					})
					if err != nil {
						t.Errorf("seed %d: %d bytes in %d steps: %v", seed, size, steps, err)
					}
				})
			}
			all.Wait()
			if took := time.Since(begin); took > time.Duration(n)*20*time.Millisecond {
				t.Errorf("seed %d: %d requests took %v", seed, n, took)
			}
			if used := b.Decode.Used(); used != 0 {
				t.Errorf("seed %d: %d bytes are still held", seed, used)
			}
		})
	}
}
