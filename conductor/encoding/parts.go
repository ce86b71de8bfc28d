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
	w.Uint(uint64(chordevent.LoadCounts))
	for _, count := range l.Counts() {
		w.Int(*count)
	}
}

// Load reads a load. It leaves out the counts that this program does not know and a newer program has written.
func (r *Reader) Load() (l chordevent.Load) {
	n := 9
	switch {
	case r.form >= 6:
		n = r.Count()
	case r.form < 3:
		n = 6
	}
	counts := l.Counts()
	for i := range n {
		if count := r.Int(); i < len(counts) {
			*counts[i] = count
		}
	}
	return l
}

// Move writes what one of the two members of a key move has reported.
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

// writeValue writes a value of a table. A value that is not in the table, which the decoder of events rejects, is
// written as the table's first one, the empty value.
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
