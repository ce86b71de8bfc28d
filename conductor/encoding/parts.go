package encoding

import (
	"math"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Started writes what a member reports of itself at its start.
func (w *Writer) Started(s chordevent.Started) {
	w.Text(s.Address)
	w.Int(int64(s.Bits))
	w.Int(int64(s.ListLen))
	w.Int(int64(s.Replicas))
	w.Int(int64(s.VirtualIndex))
}

// Started reads what a member reports of itself at its start.
func (r *Reader) Started() chordevent.Started {
	return chordevent.Started{
		Address: r.Text(), Bits: int(r.Between(0, chord.MaxBits)), ListLen: int(r.Between(0, chordevent.MaxSuccessors)),
		Replicas: int(r.Between(0, chordevent.MaxReplicas)), VirtualIndex: int(r.Between(0, math.MaxInt32)),
	}
}

// Ownership writes an ownership register.
func (w *Writer) Ownership(o chordevent.Ownership) {
	w.Bool(o.Owns)
	w.ID(o.From)
	w.Int(o.Epoch)
}

// Ownership reads an ownership register.
func (r *Reader) Ownership() chordevent.Ownership {
	return chordevent.Ownership{Owns: r.Bool(), From: r.ID(), Epoch: r.Int()}
}

// Load appends to the block the load of a member: its keys and operations.
func (w *Writer) Load(l chordevent.Load) {
	for _, n := range [...]int64{l.OwnedKeys, l.ReplicaKeys, l.Bytes, l.Gets, l.Puts, l.Deletes, l.UnderReplicated, l.KnownHosts, l.FullReplicas} {
		w.Int(n)
	}
}

// Load reads a load.
func (r *Reader) Load() chordevent.Load {
	l := chordevent.Load{
		OwnedKeys: r.Int(), ReplicaKeys: r.Int(), Bytes: r.Int(), Gets: r.Int(), Puts: r.Int(), Deletes: r.Int(),
	}
	if r.form >= 3 {
		l.UnderReplicated, l.KnownHosts, l.FullReplicas = r.Int(), r.Int(), r.Int()
	}
	return l
}

// Move appends to the block what one of the two members of a key move has reported.
func (w *Writer) Move(m chordevent.KeysMoved) {
	w.Text(m.MoveID)
	writeValue(w, phases, m.Phase)
	w.Bool(m.Outgoing)
	w.Ref(m.Peer)
	w.ID(m.From)
	w.ID(m.To)
	w.Int(m.Keys)
	w.Int(m.Bytes)
	writeValue(w, reasons, m.Reason)
}

// Move reads what one of the two members of a key move has reported.
func (r *Reader) Move() chordevent.KeysMoved {
	return chordevent.KeysMoved{
		MoveID: r.Text(), Phase: readValue(r, phases), Outgoing: r.Bool(), Peer: r.Ref(), From: r.ID(), To: r.ID(),
		Keys: r.Int(), Bytes: r.Int(), Reason: readValue(r, reasons),
	}
}

// Status writes the status that a member reports of itself.
func (w *Writer) Status(s chordevent.Status) { writeValue(w, statuses, s) }

// Status reads the status that a member reports of itself.
func (r *Reader) Status() chordevent.Status { return readValue(r, statuses) }

// writeValue writes one of a few values; any other, which the decoder of events refuses, as the first, empty one.
func writeValue[T ~string](w *Writer, values []T, s T) {
	w.Uint(uint64(max(0, slices.Index(values, s))))
}

func readValue[T ~string](r *Reader, values []T) T {
	n := r.Uint()
	if n >= uint64(len(values)) {
		r.Fail("unknown value")
		return ""
	}
	return values[n]
}

func (w *Writer) runs(runs []chordevent.FingerRun) {
	w.Uint(uint64(len(runs)))
	for i := range runs {
		w.Run(runs[i])
	}
}

func (r *Reader) runs() []chordevent.FingerRun {
	n := r.Count()
	if n == 0 {
		return nil
	}
	if n > chordevent.MaxFingerRuns {
		r.Fail("list too long")
		return nil
	}
	runs := make([]chordevent.FingerRun, n)
	for i := range runs {
		runs[i] = r.Run()
	}
	return runs
}
