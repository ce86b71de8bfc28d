package keeper

import (
	"context"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// A walk is the distinct hosts beyond a member, clockwise: of each the first member met, for the virtual nodes of one
// host fail together. The first R-1 hold the copies; those after them are substitutes. The successor list names most of
// what is ever needed; only a ring of few hosts with many virtual nodes each, or many failures at once, make a walk go
// past its end.
type walk struct {
	hosts    []chord.Peer // never changed in place
	listed   int          // how many of the hosts come from the successor list
	list     []chord.Peer // the list they come from
	complete bool         // the circle has been seen to close: there are no other hosts
	next     time.Time    // no walk past the list before
}

// spares is how many substitutes beyond the R-1 holders of copies a new owner asks for records.
const spares = 3

// A holder is a host that keeps copies of the owner's range.
type holder struct {
	peer   chord.Peer
	synced bool      // compared since the range last changed: it holds what the owner holds, and gets every write
	missed int64     // writes that did not reach it, to see whether any was missed during a comparison
	full   bool      // it is at its limit for clients' writes
	next   time.Time // when it is compared again at the latest
}

// lapsed is a member that for a while counts for nothing: it was found dead, or said that it is about to leave.
type lapsed struct {
	peer  chord.Peer
	until time.Time
}

const maxLapsed = 64 // of each kind; beyond it the oldest is forgotten, and found out again when it matters

func lapse(list []lapsed, p chord.Peer, until time.Time) []lapsed {
	list = slices.DeleteFunc(list, func(l lapsed) bool { return l.peer == p })
	if len(list) == maxLapsed {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, lapsed{p, until})
}

func hasLapsed(list []lapsed, p chord.Peer, now time.Time) bool {
	return slices.ContainsFunc(list, func(l lapsed) bool { return l.peer == p && l.until.After(now) })
}

// heardFrom takes a call from a member as a sign of life. mu is held.
func (k *Keeper) heardFrom(p chord.Peer) {
	k.dead = slices.DeleteFunc(k.dead, func(l lapsed) bool { return l.peer == p })
}

// rewalk goes by the member's present successor list. As long as that does not change, what was found past its end is
// still good. mu is held.
func (k *Keeper) rewalk(state chord.State) {
	live, w := state.Live(), &k.walk
	past := w.hosts[w.listed:]
	if !slices.Equal(live, w.list) {
		if len(live) > 0 && (len(w.list) == 0 || live[0] != w.list[0]) {
			k.announced = false
		}
		w.list, w.complete, w.next, past = live, false, time.Time{}, nil
	}
	w.hosts = k.distinct(nil, live)
	w.listed = len(w.hosts)
	w.hosts = k.distinct(w.hosts, past)
	k.rehold()
}

// distinct appends those of the peers that are on hosts not yet there. mu is held.
func (k *Keeper) distinct(hosts, peers []chord.Peer) []chord.Peer {
	now := k.env.Now()
	for _, p := range peers {
		sameHost := func(h chord.Peer) bool { return h.Addr == p.Addr }
		if p.Addr != k.self.Addr && !slices.ContainsFunc(hosts, sameHost) && !hasLapsed(k.dead, p, now) && !hasLapsed(k.leavers, p, now) {
			hosts = append(slices.Clip(hosts), p)
		}
	}
	return hosts
}

// rehold makes the first hosts of the walk the holders of copies. mu is held.
func (k *Keeper) rehold() {
	hosts := k.walk.hosts[:min(len(k.walk.hosts), k.cfg.Replicas-1)]
	old := k.holders
	k.holders = make([]holder, len(hosts))
	for i, p := range hosts {
		k.holders[i] = holder{peer: p}
		if at := slices.IndexFunc(old, func(h holder) bool { return h.peer == p }); at >= 0 {
			k.holders[i] = old[at]
		}
	}
}

// holder is the entry of a holder of copies, or nil. mu is held.
func (k *Keeper) holder(p chord.Peer) *holder {
	if i := slices.IndexFunc(k.holders, func(h holder) bool { return h.peer == p }); i >= 0 {
		return &k.holders[i]
	}
	return nil
}

// hosts is the walk, gone on past the successor list if that names fewer than want hosts, until enough are found or the
// circle closes. A walk that found nothing new is not soon made again.
func (k *Keeper) hosts(ctx context.Context, want int) []chord.Peer {
	k.mu.Lock()
	w, now := &k.walk, k.env.Now()
	hosts := w.hosts
	if len(hosts) >= want || w.complete || now.Before(w.next) {
		k.mu.Unlock()
		return hosts
	}
	w.next = now.Add(k.cfg.SyncInterval)
	list := w.list
	k.mu.Unlock()

	at := k.self
	if len(list) > 0 {
		at = list[len(list)-1]
	}
	closed := len(list) == 0
	var past []chord.Peer
	for !closed && len(k.distinctLocked(hosts, past)) < want {
		answer, err := k.survey(ctx, at, at.ID, chordevent.SpanRepair)
		if err != nil || len(answer.successors) == 0 {
			break
		}
		before := at
		for _, p := range answer.successors {
			if !chord.Between(at.ID, p.ID, k.self.ID) {
				closed = true
				break
			}
			past, at = append(past, p), p
		}
		if at == before {
			break
		}
	}

	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.Equal(list, w.list) {
		w.hosts = k.distinct(w.hosts[:w.listed], past)
		w.complete = closed
		k.rehold()
	}
	return w.hosts
}

func (k *Keeper) distinctLocked(hosts, peers []chord.Peer) []chord.Peer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.distinct(hosts, peers)
}

// A survey is what a member says about the ownership of ranges.
type survey struct {
	own         *ownership // its own; nil: none
	claims      []ownership
	predecessor chord.Peer
	successors  []chord.Peer
	leaving     bool
	move        nodepb.SurveyResponse_MoveState
}

// survey asks a member, and learns from its answer.
func (k *Keeper) survey(ctx context.Context, p chord.Peer, point chord.ID, operation string, move ...string) (survey, error) {
	a, err := ask(k, ctx, p, operation, k.cfg.CallLimit, func(keys nodepb.KeysServer, call *nodepb.Call) (*nodepb.SurveyResponse, error) {
		q := &nodepb.SurveyRequest{Call: call, Point: point[:]}
		if len(move) > 0 {
			q.MoveId = move[0]
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
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.env.Now()
	k.heardFrom(p)
	for _, o := range s.claims {
		if o.owner.ID != k.self.ID {
			k.claims.learn(o, now)
		}
	}
	if s.own != nil && s.own.owner == p {
		k.claims.learn(*s.own, now)
	} else {
		s.own = nil
	}
	return s, nil
}

// Survey answers such a question.
func (k *Keeper) Survey(_ context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	point, err := idFromWire(k.space, q.Point)
	if err != nil {
		return nil, malformed(err)
	}
	state := k.member.State()
	a := &nodepb.SurveyResponse{Reply: k.member.Reply(), Predecessor: peerToWire(state.Pred)}
	for _, p := range state.Live() {
		a.Successors = append(a.Successors, peerToWire(p))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if own := k.reg.Load(); own != nil {
		a.Ownership = ownershipToWire(*own)
	}
	if known, ok := k.claims.covering(point); ok {
		a.Claims = append(a.Claims, ownershipToWire(known.ownership))
	}
	a.Leaving = k.leaving
	switch {
	case q.MoveId == "":
	case k.out != nil && k.out.id == q.MoveId && !k.out.released:
		a.Move = nodepb.SurveyResponse_MOVE_STATE_ACTIVE
	case k.released == q.MoveId:
		a.Move = nodepb.SurveyResponse_MOVE_STATE_RELEASED
	}
	return a, nil
}
