package kv

import (
	"context"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// HostListLen returns how many entries of a host list a Keeper uses: the replicas, one substitute for each, and
// fallbacks.
func HostListLen(replicas int) int {
	return min(replication.ListLen(replicas), chordevent.MaxSuccessors)
}

// noteContact treats a call from a member as a sign that it is alive. mu is held.
func (k *Keeper) noteContact(p chord.Peer) {
	k.revived(p)
	k.own.Table.Alive(p)
	k.own.Silences.Contact(p.Addr, k.env.Now())
	k.near.Remove(p)
	k.left.Remove(p) // its departure failed
	if k.dead.Remove(p) {
		k.repairDue.Set() // it may be a replica again
	}
}

// updatePreference recomputes the preference list from the member's present pointers, and reports whether the replicas
// have changed. mu is held.
func (k *Keeper) updatePreference(state chord.State) (changed bool) {
	w := &k.preference
	if w.Update(state.Head(), state.Live(), k.member.Hosts(), k.away) {
		k.announced = false
	}
	return k.replicas.Update(w.Hosts[:min(len(w.Hosts), k.cfg.Replicas-1)])
}

// away reports whether a member does not count as a replica: it is taken for dead, or about to leave. mu is held.
func (k *Keeper) away(p chord.Peer) bool {
	now := k.env.Now()
	return k.dead.Has(p, now) || k.leavers.Has(p, now)
}

// hosts returns the preference list. If it has fewer than want hosts because some have lapsed, or because the host list
// holds no more, members further on are surveyed. The result is valid for as long as the host list is the same, and is
// refreshed after a while.
func (k *Keeper) hosts(ctx context.Context, want int) []chord.Peer {
	return k.findHosts(ctx, want, false)
}

// findHosts does what hosts does. With certain it also waits for a search that another task is
// making, and continues one that is interrupted by way of other members: where many leave, those
// that a search would ask have just left.
func (k *Keeper) findHosts(ctx context.Context, want int, certain bool) []chord.Peer {
	for pass := 0; ; pass++ {
		hosts, failed := k.searchHosts(ctx, want, certain)
		if !failed || !certain || pass == maxPasses {
			return hosts
		}
	}
}

// searchHosts makes one search, if one is due. It reports whether a member that it asked failed to answer.
func (k *Keeper) searchHosts(ctx context.Context, want int, certain bool) (hosts []chord.Peer, failed bool) {
	k.mu.Lock()
	w, now := &k.preference, k.env.Now()
	search := w.Search(want, HostListLen(k.cfg.Replicas), certain, func() []chord.Peer { return k.member.State().Live() },
		func(p chord.Peer) bool { return k.dead.Has(p, now) }, now, now.Add(k.cfg.SyncInterval))
	if search == nil {
		defer k.mu.Unlock()
		return w.Hosts, false
	}
	k.mu.Unlock()
	for {
		k.mu.Lock()
		p, some := w.Ask(search, k.away)
		k.mu.Unlock()
		if !some {
			break
		}
		s, err := k.survey(ctx, p, p.ID, chordevent.SpanRepair)
		if failed = err != nil; failed {
			break
		}
		w.Answered(search, append(s.successors, s.hosts...))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if w.Found(search, failed) {
		k.updatePreference(k.member.State())
	}
	return w.Hosts, failed
}

// A survey is a member's report on the ownership of ranges.
type survey struct {
	own         *terms.Ownership // its own; nil if it owns nothing
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
	if !s.leaving {
		k.stays(p)
	}
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
	point, err := wire.ReadID(k.space, q.Point)
	if err != nil {
		return nil, malformed(err)
	}
	state := k.member.State()
	a := &nodepb.SurveyResponse{Reply: k.member.Reply(), Predecessor: wire.Peer(state.Pred)}
	for _, p := range state.Live() {
		a.Successors = append(a.Successors, wire.Peer(p))
	}
	for _, p := range k.member.Hosts() {
		a.Hosts = append(a.Hosts, wire.Peer(p))
	}
	a.HostOwns = k.member.HostOwns()
	k.mu.Lock()
	if q.Release {
		k.releaseInTurn(q.MoveId)
		defer k.publishRegister(ctx)
	}
	defer k.mu.Unlock()
	if q.Room > 0 {
		from, err := wire.ReadID(k.space, q.RoomFrom)
		if err != nil {
			return nil, malformed(err)
		}
		leaver, err := wire.ReadPeer(k.space, q.GetCall().GetFrom())
		if err != nil {
			return nil, malformed(err)
		}
		a.Full = !k.promiseRoom(leaver, terms.Arc{From: from, To: leaver.ID}, q.Room)
	}
	if own := k.reg.Load(); own != nil {
		a.Ownership = wire.Ownership(*own)
	}
	for _, known := range k.own.Table.Down(point, 1+min(max(q.Below, 0), ownership.MaxBelow)) {
		a.Claims = append(a.Claims, wire.Ownership(known))
	}
	a.Leaving = k.leaving
	if active, released := k.out.State(q.MoveId); active {
		a.Move = nodepb.SurveyResponse_MOVE_STATE_ACTIVE
	} else if released {
		a.Move = nodepb.SurveyResponse_MOVE_STATE_RELEASED
	}
	return a, nil
}
