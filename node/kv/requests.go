package kv

import (
	"time"

	"chordconductor/node/chord"
)

const (
	requestIDSize = 16
	// maxRequests bounds the writes remembered; the oldest is forgotten first. A later try of a forgotten request gets a
	// new version, which is what a repeated put means anyway.
	maxRequests = 8192
)

// requests remembers recent writes, so that all tries of one request get one version.
type requests struct {
	byID  map[[requestIDSize]byte]*request
	order []*request // oldest first
}

type request struct {
	id       [requestIDSize]byte
	since    time.Time
	running  bool
	version  uint64       // 0: none assigned yet
	replicas []chord.Peer // not empty: acknowledged
}

// begin notes a try of a request, which runs until end. run is false if an earlier try is still running or has been
// acknowledged. Requests older than old, which no client retries any more, are forgotten.
func (rs *requests) begin(id [requestIDSize]byte, now time.Time, old time.Duration) (r *request, run bool) {
	r = rs.byID[id]
	if r == nil {
		for len(rs.order) == maxRequests || len(rs.order) > 0 && now.Sub(rs.order[0].since) > old {
			delete(rs.byID, rs.order[0].id)
			rs.order[0] = nil
			rs.order = rs.order[1:]
		}
		if rs.byID == nil {
			rs.byID = make(map[[requestIDSize]byte]*request)
		}
		r = &request{id: id, since: now}
		rs.byID[id] = r
		rs.order = append(rs.order, r)
	}
	if r.running || len(r.replicas) > 0 {
		return r, false
	}
	r.running = true
	return r, true
}

// end ends a try.
func (rs *requests) end(r *request) { r.running = false }
