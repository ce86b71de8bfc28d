package kv

import (
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// What holds whatever peers and clients send. See package assertion.

func (k *Keeper) checkRegister(before, own *terms.Ownership) {
	if own == nil {
		return
	}
	if own.Owner != k.self || own.Epoch < 1 {
		k.cfg.Assertions.Failed(chordevent.AssertOwnRange, "%v at %v", *own, k.self)
	}
	if before != nil && own.From != before.From && own.Epoch <= before.Epoch {
		k.cfg.Assertions.Failed(chordevent.AssertRangeEpoch, "%v after %v", *own, *before)
	}
}

func (k *Keeper) checkWrite(old, rec *store.Record) {
	if old != nil && rec.Version <= old.Version {
		k.cfg.Assertions.Failed(chordevent.AssertRecordVersion, "version %d of %q after %d", rec.Version, rec.Key, old.Version)
	}
}

// checkLevels asserts that what is held, and what writes under way take, is not negative. mu is held.
func (k *Keeper) checkLevels(owned, all store.Summary) {
	if owned.Live < 0 || owned.Bytes < 0 || all.Live < owned.Live || all.Bytes < owned.Bytes {
		k.cfg.Assertions.Failed(chordevent.AssertStoreLevels, "%+v owned, of %+v", owned, all)
	}
	if used := k.budget.Used(); used < 0 {
		k.cfg.Assertions.Failed(chordevent.AssertHostMemory, "%d bytes used", used)
	}
	if k.flight < 0 {
		k.cfg.Assertions.Failed(chordevent.AssertWritesUnderWay, "writes under way take %d bytes", k.flight)
	}
}
