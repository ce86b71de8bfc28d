package ring

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"chordconductor/conductor/encoding"
	"chordconductor/otel/chordevent"
)

func writeRecord(w *encoding.Writer, x *record) {
	w.ID(x.id)
	w.Int(x.inc)
	w.Int(x.newest)
	w.Int(x.newest - x.seqs.base)
	w.Uint(uint64(len(x.seqs.spans)))
	for _, s := range x.seqs.spans {
		w.Int(s.first - x.seqs.base)
		w.Int(s.last - x.seqs.base)
	}
	w.Time(x.first)
	w.Time(x.last)
	w.Time(x.arrived)
	w.Int(int64(x.lag))
	w.Text(x.host.ID)
	w.Text(x.host.Address)

	for _, seq := range []int64{x.started.seq, x.reportedStatus.seq, x.period.seq, x.pred.seq, x.succ.seq, x.owned.seq, x.load.seq, x.fingers.floor} {
		w.Int(x.newest - seq)
	}
	w.Started(x.started.val)
	w.Status(x.reportedStatus.val)
	w.Int(int64(x.period.val))
	w.Ref(x.pred.val)
	w.Refs(x.succ.val)
	w.Ownership(x.owned.val)
	w.Load(x.load.val)
	w.Uint(uint64(len(x.fingers.runs)))
	for _, run := range x.fingers.runs {
		w.Run(run.FingerRun)
		w.Int(x.newest - run.seq)
	}

	writeReports(w, x.reports)
	w.Int(int64(x.clock.lead))
	w.Int(int64(x.clock.delay))
	w.Bool(x.clock.timed)
	for _, s := range x.sources {
		w.Text(s.instance)
		w.Time(s.arrived)
	}
	w.Bool(x.rival.inc != 0)
	if v := &x.rival; v.inc != 0 {
		w.Int(v.inc)
		w.Int(v.newest)
		w.Time(v.first)
		w.Time(v.last)
	}
	w.Int(int64(x.faults))
	if x.faults != 0 {
		w.Time(x.faulty)
	}
	w.Int(int64(x.status))
	w.Bool(x.uncertain)
	w.Bool(x.skippedSilent)
	w.Bool(x.doubtful)
	if x.doubtful {
		w.Time(x.since)
	}
	w.Uint(x.changedBy)
	w.Trace(x.cause)
}

func (r *Ring) readRecord(in *encoding.Reader) {
	x := &record{id: in.ID(), seen: true}
	x.inc = in.Int()
	x.newest = in.Int()
	x.seqs.base = x.newest - in.Int()
	for range in.Count() {
		x.seqs.spans = append(x.seqs.spans, span{x.seqs.base + in.Int(), x.seqs.base + in.Int()})
	}
	x.first, x.last, x.arrived = in.Time(), in.Time(), in.Time()
	x.lag = time.Duration(in.Int())
	x.host = chordevent.Host{ID: in.Text(), Address: in.Text()}

	for _, seq := range []*int64{&x.started.seq, &x.reportedStatus.seq, &x.period.seq, &x.pred.seq, &x.succ.seq, &x.owned.seq, &x.load.seq, &x.fingers.floor} {
		*seq = x.newest - in.Int()
	}
	x.started.val = in.Started()
	x.reportedStatus.val = in.Status()
	x.period.val = time.Duration(in.Int())
	x.pred.val = in.Ref()
	x.succ.val = in.Refs()
	x.owned.val = in.Ownership()
	x.load.val = in.Load()
	for range in.Count() {
		x.fingers.runs = append(x.fingers.runs, fingerRun{in.Run(), x.newest - in.Int()})
	}

	x.reports = readReports(in)
	x.reports.since(x.inc)
	if in.Form() >= 5 {
		x.clock = clock{time.Duration(in.Int()), time.Duration(in.Int()), in.Bool()}
		for k := range x.sources {
			x.sources[k] = source{in.Text(), in.Time()}
		}
		if in.Bool() {
			x.rival = rival{in.Int(), in.Int(), in.Time(), in.Time()}
		}
		if x.faults = faultSet(in.Between(0, math.MaxUint8)); x.faults != 0 {
			x.faulty = in.Time()
			r.faulty++
		}
	} else { // assume that the newest event arrived in time
		x.clock.timed = true
	}
	x.status = MemberStatus(in.Between(int64(Joining), int64(Silent)))
	x.uncertain, x.skippedSilent = in.Bool(), in.Bool()
	if in.Form() < 4 {
		x.since = x.last // a checkpoint does not contain when the member became doubtful
	} else if in.Bool() {
		x.since = in.Time()
	}
	x.changedBy, x.cause = in.Uint(), in.Trace()
	if _, twice := r.records[x.id]; twice {
		in.Fail("expected each member once, got one twice")
	}
	if in.Err() != nil {
		return
	}
	x.missing, x.doubtful = x.seqs.missing(), x.uncertain && !x.status.gone() && !x.skippedSilent
	x.listBytes, x.runBytes = chordevent.PeersSize(x.succ.val), x.fingers.size()
	r.weigh(x)
	r.records[x.id] = x
	r.seenCount++
	r.tree.insert(x)
}

func writeReports(w *encoding.Writer, all reports) {
	w.Uint(uint64(len(all)))
	for _, d := range all {
		w.Int(d.inc)
		w.Int(d.seq)
		w.Time(d.at)
		w.Time(d.arrived)
		w.Trace(d.trace)
	}
}

// readReports reads the reports of one member. Before form 5 there was at most one, and the number of reports was
// written in the same way.
func readReports(in *encoding.Reader) (all reports) {
	n := in.Count()
	if n > maxReports {
		in.Fail(fmt.Sprintf("expected at most %d reports of a member, got %d", maxReports, n))
		return nil
	}
	for range n {
		all = append(all, report{in.Int(), in.Int(), in.Time(), in.Time(), in.Trace()})
	}
	return all
}

func writeReferenced(w *encoding.Writer, referenced map[*record]struct{}) {
	w.Uint(uint64(len(referenced)))
	for _, x := range slices.SortedFunc(maps.Keys(referenced), func(a, b *record) int { return a.id.Compare(b.id) }) {
		w.ID(x.id)
		w.Time(x.since)
		writeReports(w, x.reports)
	}
}

func (r *Ring) readReferenced(in *encoding.Reader) {
	for range in.Count() {
		id, since := in.ID(), in.Time()
		if in.Form() < 4 {
			in.Bool() // whether a member named the identifier for longer than a grace
		}
		all := readReports(in)
		if x := r.records[id]; x != nil && x.seen || in.Err() != nil {
			in.Fail("expected a referenced identifier, got one of a member")
			return
		}
		x := r.recordOf(id)
		x.since, x.reports = since, all
		x.stance = x.stanceNow()
	}
}

func (r *Ring) writeBreaches(w *encoding.Writer) {
	all := slices.SortedFunc(maps.Values(r.breaches), (*breach).compare)
	w.Uint(uint64(len(all)))
	for _, b := range all {
		w.Bool(b.of != nil)
		if b.of != nil {
			w.ID(b.of.id)
		}
		w.Bool(b.raised)
		w.Bool(b.round != 0)
		writeViolation(w, Violation{Condition: b.condition, Detail: b.detail, Members: b.members, Since: b.since, Trace: b.cause})
	}
	w.Uint(uint64(len(r.healed)))
	for _, v := range r.healed {
		writeViolation(w, v)
	}
}

// readBreaches replaces the breaches that derive found with those of the checkpoint, which have their times and causes.
func (r *Ring) readBreaches(in *encoding.Reader) {
	clear(r.breaches)
	r.round = 1
	for range in.Count() {
		b := &breach{}
		if in.Bool() {
			if b.of = r.records[in.ID()]; b.of == nil || !b.of.seen {
				in.Fail("expected a breach of a member, got an unknown identifier")
				return
			}
		}
		b.raised = in.Bool()
		if in.Bool() {
			b.round = r.round
		}
		v := readViolation(in)
		b.condition, b.detail, b.members, b.since, b.cause = v.Condition, v.Detail, v.Members, v.Since, v.Trace
		r.breaches[b.breachKey] = b
	}
	r.healed = nil
	for range in.Count() {
		r.healed = append(r.healed, readViolation(in))
	}
}

func writeViolation(w *encoding.Writer, v Violation) {
	w.Text(v.Condition)
	w.Text(v.Detail)
	w.Uint(uint64(len(v.Members)))
	for _, id := range v.Members {
		w.ID(id)
	}
	w.Time(v.Since)
	w.Time(v.Healed)
	w.Trace(v.Trace)
}

func readViolation(in *encoding.Reader) (v Violation) {
	v.Condition, v.Detail = in.Text(), in.Text()
	for range in.Count() {
		v.Members = append(v.Members, in.ID())
	}
	v.Since, v.Healed, v.Trace = in.Time(), in.Time(), in.Trace()
	return v
}

func (t *moveTable) write(w *encoding.Writer) {
	w.Uint(uint64(len(t.by)))
	for _, m := range slices.SortedFunc(maps.Values(t.by), (*move).compare) {
		w.Text(m.id)
		w.Time(m.arrived)
		w.Time(m.started)
		for _, s := range m.side {
			w.Bool(s.seq != 0)
			if s.seq == 0 {
				continue
			}
			w.ID(s.node)
			w.Int(s.inc)
			w.Int(s.seq)
			w.Time(s.at)
			w.Trace(s.trace)
			w.Move(s.body)
		}
	}
}

func (t *moveTable) read(in *encoding.Reader) {
	t.changed = true
	for range in.Count() {
		m := &move{id: in.Text(), arrived: in.Time(), started: in.Time()}
		for k := range m.side {
			if in.Bool() {
				m.side[k] = moveSide{in.ID(), in.Int(), in.Int(), in.Time(), in.Trace(), in.Move()}
			}
		}
		t.by[m.id] = m
		t.bytes += moveSize + m.side[incoming].size() + m.side[outgoing].size()
	}
}
