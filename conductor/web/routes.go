package web

import (
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"chordconductor/conductor/lab/report"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/replay"
)

// A route is one path and method. The mux and /api/openapi.json are made from the same table of routes.
type route struct {
	method, path string // the path as OpenAPI writes it
	about        string
	handler      http.HandlerFunc
	params       []param
	probe        bool // further parameters are ignored, as probers may send any
	body         *content
	answers      []reply // those that are not errors
}

// A param is one query parameter.
type param struct {
	name, about string
	schema      object
}

// A content describes the body of a request or an answer.
type content struct {
	kind     string // media type
	schema   any    // a Go value of the body's type, or an object: the schema itself
	required bool   // of a request
}

// A reply is an answer that is not an error.
type reply struct {
	code   int
	about  string
	bodies []content // one entry for each media type; nil: none
}

type object = map[string]any

const jsonType = "application/json"

// in returns the description of an answer in JSON.
func in(code int, about string, schema any) []reply {
	return []reply{{code, about, []content{{kind: jsonType, schema: schema}}}}
}

// takes returns the description of a request's body in JSON.
func takes(schema any, required bool) *content { return &content{jsonType, schema, required} }

var (
	rawType    = "application/octet-stream"
	anyText    = object{"type": "string"}
	anyBytes   = object{"type": "string", "format": "binary"}
	instantOf  = object{"type": "string", "format": "date-time"}
	durationOf = object{"type": "string", "pattern": "^[0-9.]+(ns|us|µs|ms|s|m|h)([0-9.]+(ns|us|µs|ms|s|m|h))*$"}

	atParam  = param{"at", "the state at this instant of the past, from the history", instantOf}
	keyParam = param{"key", "the key, if it is not in the path", anyText}
)

func limitParam(most int) param {
	return param{"limit", "the greatest number of entries to return", object{"type": "integer", "minimum": 0, "maximum": most, "default": 100}}
}

// table returns the routes of the whole API; the page's files are not among them.
func (s *Server) table() []route {
	protobuf := content{kind: protobufType, schema: anyBytes}
	routes := []route{
		{method: "GET", path: "/healthz", about: "Whether the process is running.", handler: s.healthz, probe: true, answers: in(200, "The process is running.", healthJSON{})},
		{method: "GET", path: "/readyz", about: "Whether the conductor receives telemetry.", handler: s.readyz, probe: true, answers: in(200, "The conductor receives telemetry.", readyJSON{})},
		{method: "GET", path: "/api/openapi.json", about: "This description.", handler: s.openAPI, answers: in(200, "OpenAPI 3.1.", object{"type": "object"})},

		{method: "GET", path: "/api/ring", about: "The ring, as rebuilt from the members' telemetry.", handler: s.ring, params: []param{atParam},
			answers: []reply{{200, "The ring, or as protobuf the page's Snapshot.", []content{{kind: jsonType, schema: ringJSON{}}, protobuf}}}},
		{method: "GET", path: "/api/ring/nodes/{id}", about: "One member, by its identifier or at least the first 4 digits of its identifier.", handler: s.ringNode, params: []param{atParam},
			answers: []reply{{200, "The member, or as protobuf the page's NodeDetail.", []content{{kind: jsonType, schema: nodeDetailJSON{}}, protobuf}}}},
		{method: "GET", path: "/api/events", about: "The feed of events: the newest ones, or, with since or until, events from the history.", handler: s.events, params: []param{
			{"after", "only events after the event with this number", object{"type": "integer", "minimum": 0}}, limitParam(maxEvents),
			{"since", "the first events that arrived after this instant", instantOf}, {"until", "the newest events that had arrived by this instant", instantOf},
			{"kind", "with since or until: kinds of events, separated by commas", anyText},
			{"repeats", "with since or until: false leaves out further reports of a death that was already reported", object{"type": "boolean"}},
		}, answers: in(200, "Events, oldest first.", eventsJSON{})},
		{method: "GET", path: "/api/lookups", about: "Recent lookups that arrived as traces.", handler: s.lookups, params: []param{limitParam(maxEvents)}, answers: in(200, "Lookups.", lookupsJSON{})},
		{method: "GET", path: "/api/stats", about: "The conductor's own measurements: how far the view can be trusted.", handler: s.stats, answers: in(200, "The measurements.", statsJSON{})},
		{method: "GET", path: "/api/audit", about: "The commands that the conductor received, newest first.", handler: s.audit, params: []param{limitParam(maxAudit)}, answers: in(200, "Commands.", auditJSON{})},

		{method: "POST", path: "/api/nodes", about: "Starts members, 1 to 1000, on new hosts or on an existing one.", handler: s.addNodes, body: takes(addRequest{}, false), answers: in(202, "The members.", idsJSON{})},
		{method: "POST", path: "/api/nodes/{id}/leave", about: "Makes a member leave gracefully.", handler: s.leave, body: takes(leaveRequest{}, false), answers: in(202, "The member that has begun to leave.", idsJSON{})},
		{method: "POST", path: "/api/nodes/{id}/crash", about: "Crashes a member: it stops without a leave.", handler: s.crash, answers: in(202, "The crashed member.", idsJSON{})},
		{method: "POST", path: "/api/nodes/{id}/pause", about: "Makes a member's host drop all traffic for a time, 1ms to 1h; 10s by default.", handler: s.pause, body: takes(pauseRequest{}, false), answers: in(202, "The member whose host has paused.", idsJSON{})},
		{method: "GET", path: "/api/partitions", about: "The faults in force, whether a command or a scenario has imposed them.", handler: s.partitions, answers: in(200, "Faults.", commandedJSON{})},
		{method: "POST", path: "/api/partitions", about: "Separates groups of members from each other; members in no group form one more group.", handler: s.partition, body: takes(partitionRequest{}, true), answers: in(202, "The members concerned.", idsJSON{})},
		{method: "DELETE", path: "/api/partitions", about: "Ends all partitions, slow links, pauses and telemetry outages.", handler: s.heal, answers: in(202, "The members of the hosts concerned.", idsJSON{})},

		{method: "POST", path: "/api/lookups", about: "Finds the owner of a key, by a lookup of the ring.", handler: s.lookup, body: takes(lookupRequest{}, true), answers: in(200, "The owner and the hops.", foundJSON{})},
		{method: "GET", path: "/api/workload", about: "The workload that the conductor generates.", handler: s.workload, answers: in(200, "The workload.", workloadJSON{})},
		{method: "PUT", path: "/api/workload", about: "Changes the fields of the workload that the body contains, and leaves the others.", handler: s.setWorkload, body: takes(workloadJSON{}, false), answers: in(202, "The new workload.", workloadJSON{})},

		{method: "GET", path: "/api/scenarios", about: "The scenarios that come with the program, with their texts.", handler: s.scenarios, answers: in(200, "Scenarios.", scenariosJSON{})},
		{method: "GET", path: "/api/scenarios/schema.json", about: "The JSON Schema of scenarios.", handler: s.scenarioSchema,
			answers: []reply{{200, "JSON Schema 2020-12.", []content{{kind: schemaType, schema: object{"type": "object"}}}}}},
		{method: "POST", path: "/api/scenarios/check", about: "The errors of a scenario, while it is being written.", handler: s.checkScenario, body: &content{yamlType, anyText, true}, answers: in(200, "Problems; none if it is valid.", problemsJSON{})},
		{method: "GET", path: "/api/simulation", about: "The running simulation, or the last one.", handler: s.simulation, answers: in(200, "The state of the simulation.", result.State{})},
		{method: "POST", path: "/api/simulation", about: "Starts a scenario, in YAML or JSON.", handler: s.startSimulation, body: &content{yamlType, anyText, true}, answers: in(202, "The state of the simulation, which has begun.", result.State{})},
		{method: "DELETE", path: "/api/simulation", about: "Ends the simulation early; the ring stays.", handler: s.stopSimulation, answers: in(202, "The final state of the simulation.", result.State{})},
		{method: "GET", path: "/api/simulation/report", about: "The last simulation's report.", handler: s.report,
			answers: []reply{{200, "The report, as JSON or as a page.", []content{{kind: jsonType, schema: report.Report{}}, {kind: "text/html", schema: anyText}}}}},
		{method: "GET", path: "/api/replay", about: "The replay of a recording.", handler: s.replay, answers: in(200, "The position and speed of the replay.", replay.State{})},
		{method: "PUT", path: "/api/replay", about: "Pauses or resumes the replay, and changes its speed.", handler: s.setReplay, body: takes(replayRequest{}, false), answers: in(202, "The new state of the replay.", replay.State{})},
		{method: "POST", path: "/api/replay/step", about: "Pauses the replay and plays the next events, one by default.", handler: s.stepReplay, body: takes(stepRequest{}, false), answers: in(202, "The new state of the replay.", replay.State{})},
	}
	routes = append(routes, s.keyRoutes("/api/keys", keyParam)...)
	routes = append(routes, s.keyRoutes("/api/keys/{key}")...)
	if s.cfg.Hub != nil {
		routes = append(routes, route{method: "GET", path: "/ws", about: "The page's stream: a WebSocket with the messages of conductor/hub/hubpb/hub.proto.", handler: inJSON(s.cfg.Hub), probe: true,
			answers: []reply{{101, "The connection is a WebSocket now.", nil}}})
	}
	return routes
}

// keyRoutes returns the routes of keys. The path or a parameter gives the key. The key in a path is taken byte by byte:
// a//b is a key.
func (s *Server) keyRoutes(path string, named ...param) []route {
	ttl := param{"ttl", "how long the value is kept, 1ms or more", durationOf}
	return []route{
		{method: "GET", path: path, about: "Reads a key's value.", handler: s.getKey, params: named,
			answers: []reply{{200, "The value. The headers X-Chord-Owner, X-Chord-Version and X-Chord-Trace-Id give its owner, its version and the trace of the read.", []content{{kind: rawType, schema: anyBytes}}}}},
		{method: "PUT", path: path, about: "Writes the value of a key, at most 1 MiB.", handler: s.putKey, params: append(named[:len(named):len(named)], ttl), body: &content{rawType, anyBytes, false}, answers: in(200, "The result.", writtenJSON{})},
		{method: "DELETE", path: path, about: "Deletes a key.", handler: s.deleteKey, params: named, answers: in(200, "The result.", writtenJSON{})},
	}
}

// routes returns a handler for the routes of the table. A GET of any other path outside /api serves the page's files.
func (s *Server) routes(pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	keys := methods{}
	by := map[string]methods{}
	for _, r := range s.table() {
		handler := r.handler
		if !r.probe {
			names := make([]string, len(r.params))
			for i, p := range r.params {
				names[i] = p.name
			}
			handler = only(handler, names...)
			if r.body == nil && r.method != http.MethodGet {
				handler = bodiless(handler)
			}
		}
		switch m := by[r.path]; {
		case strings.HasPrefix(r.path, keysPath):
			if r.path == keysPath { // the parameters of both ways to give a key: keyOf rejects a request with both
				keys[r.method] = handler
			}
		case m == nil:
			by[r.path] = methods{r.method: handler}
			mux.Handle(r.path, by[r.path])
		default:
			m[r.method] = handler
		}
	}
	mux.HandleFunc("/api/", notFound)
	mux.HandleFunc("/api", notFound) // else the mux would redirect, in HTML and past a proxy's prefix
	mux.Handle("/", methods{http.MethodGet: pages.ServeHTTP})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isKey(r) { // before the mux cleans the path
			keys.ServeHTTP(w, r)
			return
		}
		if clean := path.Clean(r.URL.Path); r.URL.Path != clean && r.URL.Path != clean+"/" {
			notFound(w, r) // the mux would redirect, past a proxy's prefix
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	fail(w, http.StatusNotFound, "no such path: %s", r.URL.Path)
}

// bodiless rejects a request with a body, except an empty object: a command without fields would otherwise ignore the
// body.
func bodiless(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if command(w, r, &struct{}{}) {
			h(w, r)
		}
	}
}

// only rejects query parameters that are unknown to a handler, given twice, or empty: a misspelt parameter would
// otherwise count as absent.
func only(h http.HandlerFunc, allowed ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			fail(w, http.StatusBadRequest, "cannot parse the query: %s", err)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(query)) {
			values := query[name]
			switch {
			case !slices.Contains(allowed, name) && len(allowed) == 0:
				fail(w, http.StatusBadRequest, "unknown parameter %.40q: this path has none", name)
			case !slices.Contains(allowed, name):
				fail(w, http.StatusBadRequest, "unknown parameter %.40q; allowed here: %s", name, strings.Join(allowed, ", "))
			case len(values) > 1:
				fail(w, http.StatusBadRequest, "%s: given %d times", name, len(values))
			case values[0] == "":
				fail(w, http.StatusBadRequest, "%s: empty", name)
			default:
				continue
			}
			return
		}
		h(w, r)
	}
}
