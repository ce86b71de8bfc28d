package web

import (
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/report"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/chord"
)

// maxAdd bounds the members that one command starts; a host has the same limit.
const maxAdd = 1000

// control returns what carries commands out. If there is none, it has already answered with an error, and returns nil.
func (s *Server) control(w http.ResponseWriter) Control {
	if s.cfg.Control == nil {
		fail(w, http.StatusConflict, "this is a replay: commands need a live ring")
	}
	return s.cfg.Control
}

// accepted answers a command with the members concerned.
func (s *Server) accepted(w http.ResponseWriter, r *http.Request, ids []chord.ID) {
	answer(w, r, http.StatusAccepted, idsJSON{formatOf(s.cfg.Source.View()).ids(ids)})
}

func (s *Server) addNodes(w http.ResponseWriter, r *http.Request) {
	c := s.control(w)
	if c == nil {
		return
	}
	var request addRequest
	if !command(w, r, &request) {
		return
	}
	count := 1
	if request.Count != nil {
		count = *request.Count
	}
	if count < 1 || count > maxAdd {
		fail(w, http.StatusBadRequest, "count %d: expected 1 to %d", count, maxAdd)
		return
	}
	ids, err := c.AddNodes(r.Context(), count, request.Host)
	if err != nil {
		s.partly(w, err, ids)
		return
	}
	s.accepted(w, r, ids)
}

// partly answers a command that failed after it was carried out for some members, and names these members.
func (s *Server) partly(w http.ResponseWriter, err error, ids []chord.ID) {
	if len(ids) == 0 {
		refused(w, err)
		return
	}
	code, err := errorOf(err)
	failWith(w, code, struct {
		Error string   `json:"error"`
		IDs   []string `json:"ids"` // members for which the command was carried out before the error
	}{err.Error(), formatOf(s.cfg.Source.View()).ids(ids)})
}

// partitions lists the partitions and other faults in force, whether a command or a scenario has imposed them.
func (s *Server) partitions(w http.ResponseWriter, r *http.Request) {
	c := s.control(w)
	if c == nil {
		return
	}
	f := formatOf(s.cfg.Source.View())
	list := []commandedFaultJSON{}
	for _, fault := range c.Faults() {
		list = append(list, commandedFaultJSON{fault.Kind, fault.From, fault.To, ms(fault.Latency), f.ids(fault.Members), fault.Ending})
	}
	answer(w, r, http.StatusOK, commandedJSON{list})
}

func (s *Server) crash(w http.ResponseWriter, r *http.Request) {
	s.stopNode(w, r, func() (deploy.Departure, bool) { return deploy.Crash, true })
}

func (s *Server) leave(w http.ResponseWriter, r *http.Request) {
	s.stopNode(w, r, func() (deploy.Departure, bool) {
		var request leaveRequest
		if !command(w, r, &request) {
			return 0, false
		}
		if request.Force {
			return deploy.ForcedLeave, true
		}
		return deploy.Leave, true
	})
}

// stopNode carries out a command to stop a member. how reads the kind of departure; if ok is false, it has already
// answered.
func (s *Server) stopNode(w http.ResponseWriter, r *http.Request, how func() (way deploy.Departure, ok bool)) {
	id, ok := s.target(w, r)
	if !ok {
		return
	}
	c := s.control(w)
	if c == nil {
		return
	}
	way, ok := how()
	if !ok {
		return
	}
	if err := c.StopNode(r.Context(), id, way); err != nil {
		refused(w, err)
		return
	}
	s.accepted(w, r, []chord.ID{id})
}

func (s *Server) pause(w http.ResponseWriter, r *http.Request) {
	id, ok := s.target(w, r)
	if !ok {
		return
	}
	c := s.control(w)
	if c == nil {
		return
	}
	request := pauseRequest{"10s"}
	if !command(w, r, &request) {
		return
	}
	d, err := time.ParseDuration(request.For)
	if err != nil || d < time.Millisecond || d > time.Hour {
		fail(w, http.StatusBadRequest, "for %.40q: expected a duration from 1ms to 1h, such as 10s", request.For)
		return
	}
	if err := c.PauseNode(r.Context(), id, d); err != nil {
		refused(w, err)
		return
	}
	s.accepted(w, r, []chord.ID{id})
}

func (s *Server) partition(w http.ResponseWriter, r *http.Request) {
	c := s.control(w)
	if c == nil {
		return
	}
	var request partitionRequest
	if !command(w, r, &request) {
		return
	}
	if len(request.Groups) == 0 {
		fail(w, http.StatusBadRequest, "groups: expected at least one list of member IDs; members in no list form one more group")
		return
	}
	view := s.cfg.Source.View()
	groups := make([][]chord.ID, len(request.Groups))
	for i, group := range request.Groups {
		for j, text := range group {
			id, wrong := member(view, text, true)
			if wrong != nil {
				wrong.text = fmt.Sprintf("groups[%d][%d]: %s", i, j, wrong.text)
				wrong.answer(w)
				return
			}
			groups[i] = append(groups[i], id)
		}
	}
	ids, err := c.Partition(r.Context(), groups)
	if err != nil {
		refused(w, err)
		return
	}
	s.accepted(w, r, ids)
}

func (s *Server) heal(w http.ResponseWriter, r *http.Request) {
	c := s.control(w)
	if c == nil {
		return
	}
	ids, err := c.Heal(r.Context())
	if err != nil {
		s.partly(w, err, ids)
		return
	}
	s.accepted(w, r, ids)
}

type workloadJSON struct {
	Rate         *float64               `json:"rate"` // operations per second
	Reads        *float64               `json:"reads"`
	Lookups      *float64               `json:"lookups"`
	Distribution *scenario.Distribution `json:"distribution"`
}

func (s *Server) workload(w http.ResponseWriter, r *http.Request) {
	if c := s.control(w); c != nil {
		load := c.Workload()
		answer(w, r, http.StatusOK, workloadJSON{&load.Rate, &load.Reads, &load.Lookups, &load.Distribution})
	}
}

// setWorkload changes the fields that the body contains and leaves the others.
func (s *Server) setWorkload(w http.ResponseWriter, r *http.Request) {
	c := s.control(w)
	if c == nil {
		return
	}
	load := c.Workload()
	if !command(w, r, &workloadJSON{&load.Rate, &load.Reads, &load.Lookups, &load.Distribution}) {
		return
	}
	if err := c.SetWorkload(load); err != nil {
		refused(w, err)
		return
	}
	load = c.Workload()
	answer(w, r, http.StatusAccepted, workloadJSON{&load.Rate, &load.Reads, &load.Lookups, &load.Distribution})
}

// scenarios lists the scenarios that come with the program, with their text.
func (s *Server) scenarios(w http.ResponseWriter, r *http.Request) {
	list := make([]scenarioJSON, 0, 16)
	for _, shipped := range scenario.Shipped() {
		list = append(list, scenarioJSON{shipped.Name, shipped.About, shipped.Source})
	}
	answer(w, r, http.StatusOK, scenariosJSON{list})
}

// checkScenario lists the errors of a scenario while it is being written: status 200 with a list, empty if it is valid.
func (s *Server) checkScenario(w http.ResponseWriter, r *http.Request) {
	source, ok := textBody(w, r)
	if !ok {
		return
	}
	_, err := scenario.Parse("scenario", source)
	problems := scenario.AsProblems(err)
	if problems == nil {
		problems = scenario.Problems{}
	}
	answer(w, r, http.StatusOK, problemsJSON{problems})
}

func (s *Server) startSimulation(w http.ResponseWriter, r *http.Request) {
	source, ok := textBody(w, r)
	if !ok {
		return
	}
	sc, err := scenario.Parse("scenario", source)
	if err != nil {
		refused(w, err)
		return
	}
	c := s.control(w)
	if c == nil {
		return
	}
	if err := c.StartSimulation(sc); err != nil {
		refused(w, err)
		return
	}
	answer(w, r, http.StatusAccepted, c.Simulation())
}

func (s *Server) simulation(w http.ResponseWriter, r *http.Request) {
	if c := s.control(w); c != nil {
		answer(w, r, http.StatusOK, c.Simulation())
	}
}

func (s *Server) stopSimulation(w http.ResponseWriter, r *http.Request) {
	c := s.control(w)
	if c == nil {
		return
	}
	if err := c.StopSimulation(r.Context()); err != nil {
		refused(w, err)
		return
	}
	answer(w, r, http.StatusAccepted, c.Simulation())
}

// report answers with the last simulation's report: a page for browsers, JSON for tools that request it or send no
// preference.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	c := s.control(w)
	if c == nil {
		return
	}
	result := c.Result()
	if result == nil {
		fail(w, http.StatusNotFound, "no simulation has run yet")
		return
	}
	rep := report.Of(result)
	if !prefersHTML(r) {
		answer(w, r, http.StatusOK, rep)
		return
	}
	page, err := rep.HTML()
	if err != nil {
		fail(w, http.StatusInternalServerError, "cannot render the report: %s", err)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Disposition", fmt.Sprintf("inline; filename=%q", path.Base(result.Scenario.Name)+".html"))
	send(w, r, http.StatusOK, "text/html; charset=utf-8", page)
}

// prefersHTML reports whether text/html is in the Accept header before application/json.
func prefersHTML(r *http.Request) bool {
	for _, list := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(list, ",") {
			switch kind, _, _ := mime.ParseMediaType(part); kind {
			case "text/html":
				return true
			case "application/json":
				return false
			}
		}
	}
	return false
}
