package web

import (
	"time"

	"chordconductor/conductor/audit"
	"chordconductor/conductor/lab/scenario"
)

// The bodies of requests. A field is optional unless its tag makes it required.

type addRequest struct {
	Count *int   `json:"count"`
	Host  string `json:"host"` // ID or address; empty: hosts of their own
}

type leaveRequest struct {
	Force bool `json:"force"`
}

type pauseRequest struct {
	For string `json:"for"` // a duration, such as 10s
}

type partitionRequest struct {
	Groups [][]string `json:"groups" api:"required"`
}

type lookupRequest struct {
	Key  string `json:"key" api:"required"`
	From string `json:"from"`
	Mode string `json:"mode"`
}

type replayRequest struct {
	Paused *bool    `json:"paused"`
	Speed  *float64 `json:"speed"`
}

type stepRequest struct {
	Events int `json:"events"`
}

// The JSON forms of answers that consist of one list or one value.

type idsJSON struct {
	IDs []string `json:"ids"`
}

type eventsJSON struct {
	Damaged *damageJSON `json:"damaged,omitempty"`
	Epoch   string      `json:"epoch"`
	Events  []eventJSON `json:"events"`
}

type lookupsJSON struct {
	Lookups []lookupJSON `json:"lookups"`
}

type auditJSON struct {
	Commands  []audit.Entry `json:"commands"`
	NotOnDisk uint64        `json:"not_on_disk"`
}

type commandedJSON struct {
	Faults []commandedFaultJSON `json:"faults"`
}

type commandedFaultJSON struct {
	Kind      string   `json:"kind"`
	From      []string `json:"from"`         // addresses of hosts
	To        []string `json:"to,omitempty"` // absent: all others
	LatencyMS float64  `json:"latency_ms,omitempty"`
	IDs       []string `json:"ids"` // members of these hosts, when the fault began
	Ending    bool     `json:"ending,omitempty"`
}

type scenariosJSON struct {
	Scenarios []scenarioJSON `json:"scenarios"`
}

type scenarioJSON struct {
	Name   string `json:"name"`
	About  string `json:"about"`
	Source string `json:"source"`
}

type problemsJSON struct {
	Problems scenario.Problems `json:"problems"`
}

type healthJSON struct {
	Status  string `json:"status"`
	Version string `json:"version"`
}

type readyJSON struct {
	Status string `json:"status"`
}

// errorJSON is the form of all errors. Only the first field is in all of them.
type errorJSON struct {
	Error      string     `json:"error"`
	IDs        []string   `json:"ids,omitempty"`        // members for which a command was carried out before the error
	Candidates []string   `json:"candidates,omitempty"` // the members that an ambiguous identifier may mean
	From       *time.Time `json:"from,omitempty"`       // bounds of a period of the history that cannot be read
	Until      *time.Time `json:"until,omitempty"`
	Cause      string     `json:"cause,omitempty"`
}
