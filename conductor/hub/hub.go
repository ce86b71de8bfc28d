package hub

import (
	"context"
	"net/http"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/live"
)

// Config is what a Hub needs besides its source.
type Config struct {
	Settings   func() *hubpb.Settings   // told to each client once; nil: empty
	Simulation func() *hubpb.Simulation // the simulation's state now; nil, or a nil result: none
	MaxClients int                      // 0: 256
}

// Hub is an http.Handler for the WebSocket endpoint.
type Hub struct{}

// New returns a hub that shows l.
func New(l *live.Live, cfg Config) *Hub { return &Hub{} }

// Run makes frames until ctx ends, then closes all clients and waits for them.
func (h *Hub) Run(ctx context.Context) error { return nil }

// Clients is the number of clients connected now.
func (h *Hub) Clients() int { return 0 }

func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {}
