package ring

import (
	"slices"

	"chordconductor/node/chord"
)

var statusWords = [...]string{"unknown", "forming", "ideal", "repairing", "violated"}

// String is the status in the word that the API uses.
func (s Status) String() string {
	if int(s) < len(statusWords) {
		return statusWords[s]
	}
	return "unknown"
}

var memberWords = [...]string{"unknown", "joining", "active", "leaving", "left", "failed", "silent"}

// String is the status in the word that the API uses.
func (s MemberStatus) String() string {
	if int(s) < len(memberWords) {
		return memberWords[s]
	}
	return memberWords[0]
}

var certaintyWords = [...]string{"nothing", "partial", "all"}

// String is the state in the word that the API uses.
func (s CertaintyState) String() string {
	if int(s) < len(certaintyWords) {
		return certaintyWords[s]
	}
	return certaintyWords[0]
}

var whyWords = [...]string{"", "late", "events_missing", "list_missing", "silent", "no_events", "reported_dead"}

// String is the reason in the word that the API uses.
func (w Why) String() string {
	if int(w) < len(whyWords) {
		return whyWords[w]
	}
	return whyWords[0]
}

// Member is the member of an identifier, or nil.
func (v *View) Member(id chord.ID) *Member {
	at, found := slices.BinarySearchFunc(v.Members, id, func(m *Member, id chord.ID) int { return m.ID.Compare(id) })
	if !found {
		return nil
	}
	return v.Members[at]
}
