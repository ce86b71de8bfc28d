package replication

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/store"
)

// TestSettledWritesAreNotListed: of writes of a key under way at once, in whatever order they end, none is left on the list
// of those that may not be on enough hosts, once the newest is.
func TestSettledWritesAreNotListed(t *testing.T) {
	for _, order := range [][]uint64{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}} {
		var l Unsettled
		var u *Key
		var held *store.Record
		for version := range uint64(3) {
			r := record(1, version+1, 8)
			u = l.Add(r.ID, r.Key, held, version == 0, true)
			u.Begin()
			held = r
		}
		for i, version := range order {
			if l.End(u, record(1, version, 8), held, true) {
				t.Errorf("writes that end in the order %v: after %d the replicas lack it", order, i+1)
			}
			if listed := l.keys[held.Key] == u; listed != (i < 2) {
				t.Errorf("writes that end in the order %v: after %d it is listed: %t", order, i+1, listed)
			}
		}
		if l.older != 0 {
			t.Errorf("writes that end in the order %v: %d bytes of earlier versions are left", order, l.older)
		}
	}
}

// TestReadable: whatever writes of a key begin, succeed and fail, a get returns a version that R hosts hold, and none
// older than one that a get has returned or a write was acknowledged with, here or elsewhere; otherwise it has to settle
// what is held.
func TestReadable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Unsettled
		key := record(1, 1, 0).Key
		var held *store.Record
		type write struct {
			u *Key
			r *store.Record
		}
		var running []write
		settled, least := map[uint64]bool{0: true}, uint64(0)
		for version := range uint64(rapid.IntRange(1, 30).Draw(t, "steps")) {
			switch rapid.SampledFrom([]string{"write", "end", "elsewhere", "compared", "get"}).Draw(t, "step") {
			case "write":
				r := record(1, version+1, rapid.SampledFrom([]int{8, maxOlder}).Draw(t, "bytes"))
				u := l.Add(r.ID, r.Key, held, true, true)
				u.Begin()
				held, running = r, append(running, write{u, r})
			case "end":
				if len(running) == 0 {
					continue
				}
				i, ok := rapid.IntRange(0, len(running)-1).Draw(t, "which"), rapid.Bool().Draw(t, "ok")
				if ok {
					settled[running[i].r.Version] = true
					least = max(least, running[i].r.Version)
				}
				l.End(running[i].u, running[i].r, held, ok)
				running = append(running[:i], running[i+1:]...)
			case "elsewhere":
				r := record(1, version+1, 8)
				l.Add(r.ID, r.Key, held, false, true)
				if held = r; rapid.Bool().Draw(t, "acknowledged there") {
					settled[r.Version], least = true, r.Version
				}
			case "compared":
				if len(running) == 0 {
					l.SettleAll()
					if held != nil {
						settled[held.Version], least = true, held.Version
					}
				}
			case "get":
				r, ok := l.Readable(key, held)
				got := uint64(0)
				if r != nil {
					got = r.Version
				}
				if !ok { // it is sent to the replicas
					settled[got] = true
					l.SettledKey(r, held)
				}
				if !settled[got] || got < least {
					t.Fatalf("version %d: settled %v, the least is %d", got, settled[got], least)
				}
				least = got
			}
		}
	})
}

// TestUnsettledIsBounded: at the bound the list has no place for a further key, and starts again.
func TestUnsettledIsBounded(t *testing.T) {
	var l Unsettled
	for i := range MaxUnsettled {
		key := fmt.Sprint(i)
		if l.Full(key) {
			t.Fatalf("full after %d keys", i)
		}
		l.Add(chord.ID{}, key, nil, false, true)
	}
	if !l.Full("another") || l.Full("0") {
		t.Error("at the bound there is a place for another key, or none for a listed one")
	}
	if l.SettleAll(); l.Full("another") || l.older != 0 {
		t.Errorf("still full, or %d bytes left", l.older)
	}
}
