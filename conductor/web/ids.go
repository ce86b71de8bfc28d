package web

import (
	"fmt"
	"net/http"
	"strings"

	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

const (
	prefixToRead    = 4 // digits that identify a member to read
	prefixToCommand = 8 // digits that identify a member for a command
	maxCandidates   = 10
)

// An idError is the reason why a text identifies no single member.
type idError struct {
	code       int
	text       string
	candidates []string // the members that an ambiguous text may mean, at most maxCandidates
}

func (e *idError) Error() string { return e.text }

// answer sends the error.
func (e *idError) answer(w http.ResponseWriter) {
	if e.candidates == nil {
		fail(w, e.code, "%s", e.text)
		return
	}
	failWith(w, e.code, struct {
		Error      string   `json:"error"`
		Candidates []string `json:"candidates"`
	}{e.text, e.candidates})
}

// member finds the member that a text identifies: by its whole identifier, as the ring writes it, or by a prefix that
// no other member's identifier has. For a command it finds live members only, and requires more digits.
func member(v *ring.View, text string, command bool) (chord.ID, *idError) {
	f := formatOf(v)
	digits, least := f.space.Digits(), prefixToRead
	if command {
		least = prefixToCommand
	}
	least = min(least, digits)
	text = strings.ToLower(text)
	if strings.Trim(text, "0123456789abcdef") != "" || len(text) < least || len(text) > digits {
		how := fmt.Sprintf("%d hex digits", digits)
		if least < digits {
			how += fmt.Sprintf(", or at least the first %d of them", least)
		}
		return chord.ID{}, &idError{http.StatusBadRequest, fmt.Sprintf("identifier %.48q: expected %s", text, how), nil}
	}
	if len(text) == digits {
		id, err := chord.ParseID(text)
		if err != nil {
			return id, &idError{http.StatusBadRequest, err.Error(), nil}
		}
		return id, nil
	}
	var found []chord.ID
	names := []string{}
	for _, m := range v.Members {
		if command && m.Gone() {
			continue
		}
		if name := f.id(m.ID); strings.HasPrefix(name, text) {
			found = append(found, m.ID)
			names = append(names, name)
		}
	}
	switch {
	case len(found) == 0:
		living := ""
		if command {
			living = "living "
		}
		return chord.ID{}, &idError{http.StatusNotFound, fmt.Sprintf("no %smember's identifier begins with %s", living, text), nil}
	case len(found) > 1:
		e := &idError{http.StatusConflict, fmt.Sprintf("%d members' identifiers begin with %s; give more digits", len(found), text), names}
		e.candidates = e.candidates[:min(len(e.candidates), maxCandidates)]
		return chord.ID{}, e
	}
	return found[0], nil
}

// target returns the member that a command's path names. If there is none, it has already answered, and ok is false.
func (s *Server) target(w http.ResponseWriter, r *http.Request) (id chord.ID, ok bool) {
	id, err := member(s.cfg.Source.View(), r.PathValue("id"), true)
	if err != nil {
		err.answer(w)
	}
	return id, err == nil
}
