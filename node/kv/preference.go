package kv

import (
	"context"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// A preferenceList is the distinct hosts after a member, clockwise: of each host the first member met, because the
// virtual nodes of one host fail together. The first R-1 are the replicas; those after them are fallback replicas. The
// member's pointers name them (its successor list, then its host list, see chord.Hosts), so the list is never older
// than these: a host that was not found once is not taken for missing. Only while some of them count as lapsed are
// members asked for hosts further on.
type preferenceList struct {
	hosts   []chord.Peer // never changed in place
	head    chord.Peer
	list    []chord.Peer // the member's host list
	further []chord.Peer // found beyond list by surveys
	lacks   bool         // a host of the list is left out
	next    time.Time    // no member is surveyed before
	open    bool         // the search is running, or has been interrupted: there may be hosts that it has not found
}

const (
	// fallbacks is the number of fallback replicas that a new owner asks for records.
	fallbacks = 3
	// maxJumps bounds the members surveyed for hosts further on. Each returns as many as a host list holds.
	maxJumps = 8
)

// HostListLen returns how many entries of a host list a Keeper uses: the replicas, one substitute for each, and
// fallbacks.
func HostListLen(replicas int) int { return min(2*(replicas-1)+fallbacks, chordevent.MaxSuccessors) }

// A replica is a host that holds a replica of the owner's range.
type replica struct {
	peer   chord.Peer
	synced bool  // compared since the range last changed: it holds what the owner holds, and receives every write
	missed int64 // writes that did not reach it, to detect those missed during a comparison
	lacks  bool  // it had no room for what a comparison sent, reserve included
	room   int64 // bytes that its host had left for clients' writes, by its latest answer; 0: none, or no answer yet

	compared bool      // it has held the whole range: what it lacks since are missed writes
	made     int64     // the value of missed at the last comparison
	next     time.Time // when it is compared again at the latest
}

// noteContact treats a call from a member as a sign that it is alive. mu is held.
func (k *Keeper) noteContact(p chord.Peer) {
	k.revived(p)
	k.own.Table.Alive(p)
	k.own.Silences.Contact(p.Addr, k.env.Now())
	if k.dead.Remove(p) {
		k.repairDue.Set() // it may be a replica again
	}
}

// updatePreference recomputes the preference list from the member's present pointers, and reports whether the replicas
// have changed. mu is held.
func (k *Keeper) updatePreference(state chord.State) (changed bool) {
	w, list := &k.preference, k.member.Hosts()
	if head := state.Head(); head != w.head {
		w.head, k.announced = head, false
	}
	if !slices.Equal(list, w.list) {
		w.list, w.further, w.next = list, nil, time.Time{}
	}
	w.hosts = k.distinct(nil, state.Live()) // may contain a second member of a host whose first one is about to leave
	w.hosts = k.distinct(w.hosts, w.list)
	w.lacks = slices.ContainsFunc(w.list, func(p chord.Peer) bool { return !onHost(w.hosts, p.Addr) })
	w.hosts = k.distinct(w.hosts, w.further)
	return k.updateReplicas()
}

func onHost(hosts []chord.Peer, addr string) bool {
	return slices.ContainsFunc(hosts, func(h chord.Peer) bool { return h.Addr == addr })
}

// distinct appends those peers that are on hosts not yet listed. mu is held.
func (k *Keeper) distinct(hosts, peers []chord.Peer) []chord.Peer {
	now := k.env.Now()
	for _, p := range peers {
		if p.Addr != k.self.Addr && !onHost(hosts, p.Addr) && !k.dead.Has(p, now) && !k.leavers.Has(p, now) {
			hosts = append(slices.Clip(hosts), p)
		}
	}
	return hosts
}

// updateReplicas makes the first hosts of the preference list the replicas, and reports whether they have changed. mu
// is held.
func (k *Keeper) updateReplicas() (changed bool) {
	hosts := k.preference.hosts[:min(len(k.preference.hosts), k.cfg.Replicas-1)]
	old := k.replicas
	changed = len(old) != len(hosts)
	k.replicas = make([]replica, len(hosts))
	for i, p := range hosts {
		k.replicas[i] = replica{peer: p}
		if at := slices.IndexFunc(old, func(h replica) bool { return h.peer == p }); at >= 0 {
			k.replicas[i] = old[at]
		} else {
			changed = true
		}
	}
	return changed
}

// replicaOn returns the replica on a member, or nil. mu is held.
func (k *Keeper) replicaOn(p chord.Peer) *replica {
	if i := slices.IndexFunc(k.replicas, func(h replica) bool { return h.peer == p }); i >= 0 {
		return &k.replicas[i]
	}
	return nil
}

// hosts returns the preference list. If it has fewer than want hosts because some have lapsed, or because the host list
// holds no more, members further on are surveyed. The result is valid for as long as the host list is the same, and is
// refreshed after a while.
func (k *Keeper) hosts(ctx context.Context, want int) []chord.Peer {
	return k.findHosts(ctx, want, false)
}

// findHosts is hosts; with certain it does not settle for the present list while another task is searching.
func (k *Keeper) findHosts(ctx context.Context, want int, certain bool) []chord.Peer {
	k.mu.Lock()
	w, now := &k.preference, k.env.Now()
	hosts := w.hosts
	whole := !w.lacks && len(w.list) < HostListLen(k.cfg.Replicas) // there are no others
	if len(hosts) >= want || whole || now.Before(w.next) && !(certain && w.open) {
		w.open = w.open && !whole
		k.mu.Unlock()
		return hosts
	}
	w.next, w.open = now.Add(k.cfg.SyncInterval), true
	list := w.list
	past := append(k.member.State().Live(), list...)
	at := k.self
	for _, p := range past {
		if chord.Between(at.ID, p.ID, k.self.ID) && !k.dead.Has(p, now) {
			at = p
		}
	}
	past = nil
	k.mu.Unlock()
	var err error

	for range maxJumps {
		if at == k.self || len(k.distinctLocked(hosts, past)) >= want {
			break
		}
		var s survey
		if s, err = k.survey(ctx, at, at.ID, chordevent.SpanRepair); err != nil {
			break
		}
		before, closed := at, false
		for _, p := range append(s.successors, s.hosts...) {
			if !chord.Between(before.ID, p.ID, k.self.ID) {
				closed = true
			} else if chord.Between(at.ID, p.ID, k.self.ID) {
				past, at = append(past, p), p
			}
		}
		if closed || at == before {
			break
		}
	}

	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.Equal(list, w.list) {
		if w.further, w.open = past, err != nil; w.open {
			w.next = time.Time{} // next by way of another member, because this one is dead
		}
		k.updatePreference(k.member.State())
	}
	return w.hosts
}

func (k *Keeper) distinctLocked(hosts, peers []chord.Peer) []chord.Peer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.distinct(hosts, peers)
}

// A survey is a member's report on the ownership of ranges.
type survey struct {
	own         *terms.Ownership // its own; nil: none
	claims      []terms.Ownership
	predecessor chord.Peer
	successors  []chord.Peer
	hosts       []chord.Peer // its host list
	hostOwns    bool         // some member of its host owns a range
	leaving     bool
	full        bool
	move        nodepb.SurveyResponse_MoveState
}

// survey asks a member for its report, and learns its own ownership from it. What it reports of others are referrals.
func (k *Keeper) survey(ctx context.Context, p chord.Peer, point chord.ID, operation string, also ...func(*nodepb.SurveyRequest)) (survey, error) {
	a, err := ask(k, ctx, p, operation, k.cfg.CallLimit, func(keys nodepb.KeysClient, call *nodepb.Call) (*nodepb.SurveyResponse, error) {
		q := &nodepb.SurveyRequest{Call: call, Point: point[:]}
		for _, set := range also {
			set(q)
		}
		return keys.Survey(ctx, q)
	})
	if err != nil {
		return survey{}, err
	}
	s, err := surveyFromWire(k.space, a)
	if err != nil {
		return survey{}, err
	}
	if s.own != nil && s.own.Owner != p {
		s.own = nil
	}
	k.mu.Lock()
	k.noteContact(p)
	own, implausible := k.reg.Load(), false
	if s.own != nil {
		var known *terms.Ownership
		var effects ownership.Effects
		if known, implausible, effects = k.own.Reported(*s.own, k.env.Now()); implausible {
			err = k.refuseEpoch(p, *s.own, known)
		}
		k.apply(effects)
	}
	k.mu.Unlock()
	if !implausible {
		return s, nil
	}
	if own != nil { // so that it lowers its epoch
		if err := k.announce(ctx, p, *own); stopped(err) {
			return survey{}, err // other outcomes have been handled
		}
	}
	return survey{}, err
}

// surveyAll surveys members concurrently, for maintenance: each one's own ownership is learned, and a peer that does not
// answer is reported as failed. Answers and errors are in the order of the members. The third result is an error of the
// environment: then some may still be asked, and there are no answers.
func (k *Keeper) surveyAll(ctx context.Context, peers []chord.Peer, point chord.ID, also ...func(*nodepb.SurveyRequest)) ([]survey, []error, error) {
	answers, errs := make([]survey, len(peers)), make([]error, len(peers))
	if err := k.each(ctx, len(peers), func(ctx context.Context, i int) {
		answers[i], errs[i] = k.survey(ctx, peers[i], point, chordevent.SpanRepair, also...)
	}); err != nil {
		return nil, nil, err
	}
	return answers, errs, nil
}

// Survey reports this member's ownership, and what it knows of a point.
func (k *Keeper) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	point, err := idFromWire(k.space, q.Point)
	if err != nil {
		return nil, malformed(err)
	}
	state := k.member.State()
	a := &nodepb.SurveyResponse{Reply: k.member.Reply(), Predecessor: peerToWire(state.Pred)}
	for _, p := range state.Live() {
		a.Successors = append(a.Successors, peerToWire(p))
	}
	for _, p := range k.member.Hosts() {
		a.Hosts = append(a.Hosts, peerToWire(p))
	}
	a.HostOwns = k.member.HostOwns()
	k.mu.Lock()
	if q.Release {
		k.releaseInTurn(q.MoveId)
		defer k.publishRegister(ctx)
	}
	defer k.mu.Unlock()
	if q.Room > 0 {
		from, err := idFromWire(k.space, q.RoomFrom)
		if err != nil {
			return nil, malformed(err)
		}
		leaver, err := peerFromWire(k.space, q.GetCall().GetFrom())
		if err != nil {
			return nil, malformed(err)
		}
		a.Full = !k.promiseRoom(leaver, terms.Arc{From: from, To: leaver.ID}, q.Room)
	}
	if own := k.reg.Load(); own != nil {
		a.Ownership = ownershipToWire(*own)
	}
	for _, known := range k.own.Table.Down(point, 1+min(max(q.Below, 0), ownership.MaxBelow)) {
		a.Claims = append(a.Claims, ownershipToWire(known))
	}
	a.Leaving = k.leaving
	if active, released := k.out.State(q.MoveId); active {
		a.Move = nodepb.SurveyResponse_MOVE_STATE_ACTIVE
	} else if released {
		a.Move = nodepb.SurveyResponse_MOVE_STATE_RELEASED
	}
	return a, nil
}
