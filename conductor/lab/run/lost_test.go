package run

import (
	"fmt"
	"testing"
	"time"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/scenario"
)

// TestLostKeysAreNamed crashes as many neighbours as there are replicas, for several numbers of replicas. It expects
// the report to have, for each lost key, when it was written, where its replicas were, and how they were lost.
func TestLostKeysAreNamed(t *testing.T) {
	for replicas := 1; replicas <= 3; replicas++ {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%d replicas, seed %d", replicas, seed), func(t *testing.T) {
				text := fmt.Sprintf("ring: {members: 12, replicas: %d, successors: 8}\nseed: %d\nworkload: {rate: 60/s, keys: 300, reads: 0.2, lookups: 0}\n"+
					"phases: [{name: harm, at: 12s, crash: %d, adjacent: true}, {at: 12500ms, workload: {rate: 1/s, reads: 1}}]\nduration: 30s\nexpect: {lost_keys: 0}\n",
					replicas, 1+seed, replicas)
				s, err := scenario.Parse("x", []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				r, err := Virtual(t.Context(), s, Tap{}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if r.Keys.Lost == 0 || len(r.Lost) != min(r.Keys.Lost, maxLost) || r.Passed() {
					t.Fatalf("%d keys lost, %d described, passed %v, notes %q", r.Keys.Lost, len(r.Lost), r.Passed(), r.Notes)
				}
				writes, ends := 0, 0 // that have a trace
				for _, k := range r.Lost {
					if k.Copies != replicas || len(k.Holders) != replicas || k.Found == load.NoAnswer {
						t.Fatalf("%+v: expected %d replicas", k, replicas)
					}
					if at := k.Written.Sub(r.Started); at <= 0 || at > 13*time.Second {
						t.Errorf("%s: written at %v", k.Key, at)
					}
					for _, h := range k.Holders {
						if h.Fate != result.FateCrashed || h.At.Before(r.Started.Add(12*time.Second)) || h.Phase != "harm" || h.By == h.Peer.ID {
							t.Errorf("%s: %+v", k.Key, h)
						}
						if h.Trace.IsValid() {
							ends++
						}
					}
					if k.Trace != "" {
						writes++
					}
				}
				if writes == 0 || ends == 0 {
					t.Errorf("%d writes and %d ends have a trace", writes, ends)
				}
			})
		}
	}
}
