package kv

import (
	"testing"

	"chordconductor/internal/assertion"
	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// Each assertion counts what it is there for, and nothing else; what holds is not counted.
func TestAssertionsCount(t *testing.T) {
	space, err := chord.NewSpace(160)
	if err != nil {
		t.Fatal(err)
	}
	self := chord.Peer{ID: space.FromUint64(10), Addr: "a:1", Incarnation: 1}
	other := chord.Peer{ID: space.FromUint64(20), Addr: "b:1", Incarnation: 1}
	own := terms.Ownership{Owner: self, From: other.ID, Epoch: 3}
	from := func(id uint64, epoch int64) *terms.Ownership {
		return &terms.Ownership{Owner: self, From: space.FromUint64(id), Epoch: epoch}
	}
	for _, c := range []struct {
		name  string // empty: it holds
		check func(*Keeper)
	}{
		{"", func(k *Keeper) { k.checkRegister(nil, nil) }},
		{"", func(k *Keeper) { k.checkRegister(&own, nil) }},
		{"", func(k *Keeper) { k.checkRegister(&own, from(5, 4)) }},
		{"", func(k *Keeper) { k.checkRegister(&own, from(20, 1)) }}, // lowered, with the same range
		{chordevent.AssertOwnRange, func(k *Keeper) { k.checkRegister(nil, &terms.Ownership{Owner: other, From: self.ID, Epoch: 1}) }},
		{chordevent.AssertOwnRange, func(k *Keeper) { k.checkRegister(nil, from(5, 0)) }},
		{chordevent.AssertRangeEpoch, func(k *Keeper) { k.checkRegister(&own, from(5, 3)) }},
		{"", func(k *Keeper) { k.checkWrite(nil, &store.Record{Version: 1}) }},
		{"", func(k *Keeper) { k.checkWrite(&store.Record{Version: 1}, &store.Record{Version: 2}) }},
		{chordevent.AssertRecordVersion, func(k *Keeper) { k.checkWrite(&store.Record{Version: 2}, &store.Record{Version: 2}) }},
		{"", func(k *Keeper) { k.checkLevels(store.Summary{Live: 1, Bytes: 9}, store.Summary{Live: 1, Bytes: 9}) }},
		{chordevent.AssertStoreLevels, func(k *Keeper) { k.checkLevels(store.Summary{Live: 2}, store.Summary{Live: 1}) }},
		{chordevent.AssertStoreLevels, func(k *Keeper) { k.checkLevels(store.Summary{Bytes: -1}, store.Summary{}) }},
		{chordevent.AssertHostMemory, func(k *Keeper) {
			k.budget.take(-1, forKeeps)
			k.checkLevels(store.Summary{}, store.Summary{})
		}},
		{chordevent.AssertWritesUnderWay, func(k *Keeper) {
			k.flight = -1
			k.checkLevels(store.Summary{}, store.Summary{})
		}},
	} {
		counts := &assertion.Counts{}
		k, _ := newFakeWorld().add(t, own, Config{Space: space, Assertions: counts})
		c.check(k)
		switch n := counts.Total(); {
		case c.name == "" && n != 0:
			t.Errorf("%d assertions failed though all hold", n)
		case c.name != "" && (n != 1 || counts.Of(c.name) != 1):
			t.Errorf("%s is counted %d times, of %d", c.name, counts.Of(c.name), n)
		}
	}
}
