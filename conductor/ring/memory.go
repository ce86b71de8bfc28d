package ring

import (
	"errors"
	"unsafe"

	"chordconductor/otel/chordevent"
)

// ErrMemory is the error for a checkpoint whose ring takes more memory than Options.MaxBytes.
var ErrMemory = errors.New("ring: the checkpoint needs more memory than Options.MaxBytes")

// A Ring counts its memory as it changes: for each member a fixed size and its strings and lists, and for each
// referenced identifier, host, key move and process a fixed size and strings. An event that would exceed
// Options.MaxBytes is refused, as if it had not arrived: its member is then uncertain, as after any loss, until there
// is room. Long lists are refused first: a member of up to slimSize may use all memory, a larger one grows only while
// half of the memory is free. So members with the longest lists and strings that an event may carry leave room for all
// others. To make room for a member within slimSize, the members that have been gone or silent longest are forgotten,
// as at Options.MaxMembers.
const (
	reportsSize    = maxReports * int64(unsafe.Sizeof(report{}))
	memberSize     = int64(unsafe.Sizeof(record{})+unsafe.Sizeof(Member{})) + reportsSize + 1200 // with the member's rows and entries elsewhere, and its breaches
	referencedSize = int64(unsafe.Sizeof(record{})) + reportsSize + 200
	hostSize       = 2*int64(unsafe.Sizeof(HostState{})) + 200
	moveSize       = int64(unsafe.Sizeof(move{})+unsafe.Sizeof(Move{})) + 200
	processSize    = 100

	slimSize = 24 << 10
)

// Bytes returns approximately the memory that the Ring takes.
func (r *Ring) Bytes() int64 { return r.kept() + r.stated.bytes }

// kept returns the memory that the Ring takes without hosts, which checkpoints do not contain.
func (r *Ring) kept() int64 {
	return r.bytes + int64(len(r.referencedOnly))*referencedSize + r.lost.bytes + r.moves.bytes
}

// hostShare is the divisor of MaxBytes that gives the share of hosts; members and everything else have the rest.
const hostShare = 8

func (r *Ring) membersMost() int64 { return r.opt.MaxBytes - r.opt.MaxBytes/hostShare }

// roomForHost reports whether there is memory for another host whose state takes n bytes.
func (r *Ring) roomForHost(n int64) bool {
	if r.opt.MaxBytes <= 0 || r.stated.bytes+n <= r.opt.MaxBytes/hostShare {
		return true
	}
	r.crowded++
	return false
}

// tooLarge reports whether the Ring, restored from a checkpoint, takes more than MaxBytes.
func (r *Ring) tooLarge() bool { return r.opt.MaxBytes > 0 && r.bytes > r.opt.MaxBytes }

// Crowded returns the number of events refused for lack of memory.
func (r *Ring) Crowded() uint64 { return r.crowded }

// weigh updates the memory that is counted for a member.
func (r *Ring) weigh(x *record) {
	n := memberSize + textSize(x.host.ID) + textSize(x.host.Address) + textSize(x.started.val.Address) +
		textSize(x.pred.val.Addr) + textSize(x.sources[0].instance) + textSize(x.sources[1].instance) + x.listBytes + x.runBytes
	r.bytes += n - x.memory
	x.memory = n
}

// roomFor reports whether there is memory for what ev adds to its member. If need be and allowed, it forgets other
// members to free memory.
func (r *Ring) roomFor(ev *chordevent.Event) bool {
	if r.opt.MaxBytes <= 0 {
		return true
	}
	fits, slim := r.fits(ev)
	if !fits && slim && r.makeRoom() {
		fits, _ = r.fits(ev)
	}
	if !fits {
		r.crowded++
	}
	return fits
}

// fits reports whether there is memory for the member that results from an event, and whether that member is within
// slimSize.
func (r *Ring) fits(ev *chordevent.Event) (fits, slim bool) {
	x := r.records[ev.Node.ID]
	var was incarnationState
	var before int64
	if x != nil && x.seen {
		if ev.Node.Incarnation < x.inc || ev.Node.Incarnation == x.inc && x.seqs.has(ev.Node.Seq) {
			return true, true // outdated
		}
		before = x.memory
		if ev.Node.Incarnation == x.inc {
			was = x.incarnationState
		}
	}
	after, named := was.sizeWith(ev)
	growth := after - before
	for _, p := range named {
		if p.Real() && r.records[p.ID] == nil {
			growth += referencedSize
		}
	}
	slim = after <= slimSize
	limit := r.membersMost()
	if !slim {
		limit /= 2
	}
	return growth <= 0 || r.kept()+growth <= limit, slim
}

// sizeWith returns the counted size of a member after an event, and the peers that the member would newly name.
func (l *incarnationState) sizeWith(ev *chordevent.Event) (size int64, named [2]chordevent.PeerRef) {
	seq := ev.Node.Seq
	host, address, pred := l.host, l.started.val.Address, l.pred.val.Addr
	list, runs := l.listBytes, l.runBytes
	if seq > l.newest {
		host = ev.Host
	}
	setPred := func(p chordevent.PeerRef) {
		if seq > l.pred.seq {
			pred, named[predecessor] = p.Addr, p
		}
	}
	setList := func(peers []chordevent.PeerRef) {
		if seq > l.succ.seq {
			list = chordevent.PeersSize(peers)
			if len(peers) > 0 {
				named[head] = peers[0]
			}
		}
	}
	setStarted := func(s chordevent.Started) {
		if seq > l.started.seq {
			address = s.Address
		}
	}
	switch body := ev.Body.(type) {
	case chordevent.Started:
		setStarted(body)
	case chordevent.SuccessorsChanged:
		setList(body.Successors)
	case chordevent.PredecessorChanged:
		setPred(body.Predecessor)
	case chordevent.FingersChanged:
		runs += runsSize(body.Runs) // an upper bound: the event may replace other runs
	case chordevent.State:
		setStarted(body.Started)
		setList(body.Successors)
		setPred(body.Predecessor)
		if seq > l.fingers.floor {
			runs = runsSize(body.Fingers)
		}
	}
	sources := textSize(l.sources[0].instance) + textSize(l.sources[1].instance)
	if ev.Instance != l.sources[0].instance && ev.Instance != l.sources[1].instance { // an upper bound: the source may replace another one
		sources += textSize(ev.Instance)
	}
	return memberSize + sources + textSize(host.ID) + textSize(host.Address) + textSize(address) + textSize(pred) + list + runs, named
}

// runsSize returns the memory of runs: once as stored in the Ring, and once as shown in a view.
func runsSize(runs []chordevent.FingerRun) int64 {
	return chordevent.RunsSize(runs) + int64(len(runs))*int64(unsafe.Sizeof(fingerRun{}))
}

func (t *fingerTable) size() (n int64) {
	const each = int64(unsafe.Sizeof(fingerRun{}) + unsafe.Sizeof(chordevent.FingerRun{}))
	for i := range t.runs {
		n += each + textSize(t.runs[i].Peer.Addr)
	}
	return n
}

func hostBytes(h chordevent.Host) int64 { return hostSize + 2*textSize(h.Address) + textSize(h.ID) }

func (s *moveSide) size() int64 { return textSize(s.body.MoveID) + textSize(s.body.Peer.Addr) }

// textSize returns the memory of a string's bytes, rounded up as the allocator rounds it.
func textSize(s string) int64 { return int64(len(s)+15) &^ 15 }
