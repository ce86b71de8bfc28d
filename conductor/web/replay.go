package web

import (
	"context"
	"errors"
	"net/http"

	"chordconductor/conductor/replay"
)

// Replay plays a recording; *replay.Player implements it.
type Replay interface {
	State() replay.State
	// Set pauses or resumes the replay, and changes its speed; a nil argument leaves its setting unchanged.
	Set(paused *bool, speed *float64) error
	// Step pauses the replay and plays the next n events.
	Step(ctx context.Context, n int) error
}

// replaying returns the replay. If there is none, it has already answered, and returns nil.
func (s *Server) replaying(w http.ResponseWriter) Replay {
	if s.cfg.Replay == nil {
		fail(w, http.StatusNotFound, "no recording is played here; `conductor replay FILE` plays one")
	}
	return s.cfg.Replay
}

func (s *Server) replay(w http.ResponseWriter, r *http.Request) {
	if p := s.replaying(w); p != nil {
		answer(w, r, http.StatusOK, p.State())
	}
}

func (s *Server) setReplay(w http.ResponseWriter, r *http.Request) {
	p := s.replaying(w)
	if p == nil {
		return
	}
	var request replayRequest
	if !command(w, r, &request) {
		return
	}
	if err := p.Set(request.Paused, request.Speed); err != nil {
		fail(w, http.StatusBadRequest, "%s", err)
		return
	}
	answer(w, r, http.StatusAccepted, p.State())
}

func (s *Server) stepReplay(w http.ResponseWriter, r *http.Request) {
	p := s.replaying(w)
	if p == nil {
		return
	}
	request := stepRequest{1}
	if !command(w, r, &request) {
		return
	}
	switch err := p.Step(r.Context(), request.Events); {
	case errors.Is(err, replay.ErrEnded):
		fail(w, http.StatusConflict, "%s", err)
	case r.Context().Err() != nil: // the caller is gone
	case err != nil:
		fail(w, http.StatusBadRequest, "%s", err)
	default:
		answer(w, r, http.StatusAccepted, p.State())
	}
}
