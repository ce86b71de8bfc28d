package ring

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"chordconductor/conductor/encoding"
	"chordconductor/node/chord"
)

// ErrVersion is the error for a checkpoint of another version of this program.
var ErrVersion = errors.New("ring: the checkpoint was written by another version of the program")

// A pace counts the members that are written or read. Checkpoints serve queries of the past, which can wait: after a
// number of members, about a millisecond, they yield to other goroutines, which the Go scheduler would otherwise let
// wait for 10 ms.
type pace int

func (p *pace) another() {
	if *p++; *p%64 == 0 {
		runtime.Gosched()
	}
}

// Checkpoint returns the whole state in a compact form, some 250 bytes for each member. A Ring restored from it gives
// the same views after the same events, except that every member counts as changed at the time of the restore.
func (r *Ring) Checkpoint() []byte {
	w := encoding.NewWriter()
	r.Save(w)
	return w.Bytes()
}

// Restore returns the Ring of a checkpoint. opt must be the same as the Options of the Ring that made it.
func Restore(opt Options, checkpoint []byte) (*Ring, error) {
	in := encoding.NewReader(checkpoint)
	r, err := Load(opt, in)
	if err == nil && in.More() {
		in.Fail("data after the end of the checkpoint")
		return nil, fmt.Errorf("ring: cannot read the checkpoint: %w", in.Err())
	}
	return r, err
}

// Save writes a checkpoint at the end of a block. The checkpoint begins with the form of itself and of the rest of the
// block. It is incomplete if the block is full afterwards.
func (r *Ring) Save(w *encoding.Writer) {
	w.Uint(encoding.Form)
	w.Text(r.name)
	w.Time(r.now)
	w.Time(r.members.at)
	w.Time(r.others.at)
	w.Uint(r.seq)
	w.Bool(r.full)
	w.Bool(r.unchecked)
	w.Time(r.idealSince)
	w.Bool(r.wasIdeal)
	w.Int(int64(r.space.Bits()))
	for _, n := range []uint64{r.counts.Applied, r.counts.Outdated, r.counts.Refused} {
		w.Uint(n)
	}
	w.Int(r.lost.total)
	w.Uint(uint64(len(r.lost.by)))
	for _, instance := range slices.Sorted(maps.Keys(r.lost.by)) {
		w.Text(instance)
		w.Int(r.lost.by[instance])
	}
	w.Uint(uint64(r.seenCount))
	var done pace
	r.tree.all(func(x *record) {
		if !w.Full() {
			writeRecord(w, x)
		}
		done.another()
	})
	writeReferenced(w, r.referencedOnly)
	r.moves.write(w)
	r.writeBreaches(w)
}

// Load reads a checkpoint that Save wrote, and restores its Ring.
func Load(opt Options, in *encoding.Reader) (*Ring, error) {
	if form := in.Uint(); in.Err() == nil && !in.SetForm(form) {
		return nil, fmt.Errorf("%w: expected form %d to %d, got %d", ErrVersion, encoding.OldestForm, encoding.Form, form)
	}
	r := New(opt)
	r.name = in.Text()
	r.now = in.Time()
	members, others := in.Time(), in.Time()
	r.seq = in.Uint()
	full, unchecked := in.Bool(), in.Bool()
	if in.Form() >= 4 {
		r.idealSince, r.wasIdeal = in.Time(), in.Bool()
	}
	bits := int(in.Between(chord.MinBits, chord.MaxBits))
	r.counts.Applied, r.counts.Outdated, r.counts.Refused = in.Uint(), in.Uint(), in.Uint()
	in.Int() // the sum of the following
	for range in.Count() {
		instance := in.Text()
		r.lost.note(instance, in.Int())
	}
	var done pace
	for range in.Count() {
		r.readRecord(in)
		done.another()
		if r.tooLarge() {
			return nil, ErrMemory
		}
	}
	r.readReferenced(in)
	r.moves.read(in)
	r.setSpace(bits)
	r.derive()
	r.readBreaches(in)
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("ring: cannot read the checkpoint: %w", err)
	}
	r.members.at, r.others.at, r.full, r.unchecked = members, others, full, unchecked
	return r, nil
}

// derive computes everything that follows from the registers and from each member's status.
func (r *Ring) derive() {
	r.regroup = true
	r.tree.all(func(x *record) { r.cast(x, voteOf(x)) })
	var done pace
	r.tree.all(func(x *record) {
		x.refused = r.isRefused(x)
		r.setReporting(x)
		x.doubtful = x.isDoubtful(x.status, x.uncertain)
		changedBy, cause := x.changedBy, x.cause
		r.tallyBy(x, +1)
		r.checkList(x) // before recountTail, which uses the result
		r.updatePointer(x, predecessor)
		r.updatePointer(x, head)
		r.updateStance(x, x.stanceNow())
		r.updateOwnership(x)
		r.updateHosting(x)
		r.touch(x)
		x.changedBy, x.cause = changedBy, cause
		done.another()
	})
	for x := range r.referencedOnly {
		r.keep(x)
	}
}
