package report

import (
	"fmt"
	"io"
	"strconv"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/lab/result"
)

// textLost is how many lost keys the summary for a terminal describes.
const textLost = 10

// LostKey is a key whose last acknowledged write could not be read.
type LostKey struct {
	Key      string    `json:"key"`
	Found    string    `json:"found"` // by the latest read: nothing, an older write, or no answer
	Version  string    `json:"version"`
	WrittenS float64   `json:"written_at_s"` // when the write was acknowledged
	Copies   int       `json:"copies"`       // that the acknowledgement counted
	TraceID  string    `json:"trace_id,omitempty"`
	Holders  []Holder  `json:"holders"` // hosts of the replicas; empty: the acknowledgement named none
	Moves    []KeyMove `json:"moves"`   // of the key's range since then, at most 10
}

// Holder is a member that held a replica, and its fate.
type Holder struct {
	Member  string   `json:"member"`
	Host    string   `json:"host"`
	Fate    string   `json:"fate"`                  // on the ring, crashed, left, restarted, not known
	EndedS  *float64 `json:"ended_at_s,omitempty"`  // of a crash: when it was first reported
	Phase   string   `json:"phase,omitempty"`       // of the scenario, that stopped it
	By      string   `json:"reported_by,omitempty"` // of a crash
	TraceID string   `json:"trace_id,omitempty"`
}

// KeyMove is a finished handoff of the range of a lost key.
type KeyMove struct {
	AtS     float64 `json:"at_s"`
	From    string  `json:"from"`
	To      string  `json:"to"`
	Reason  string  `json:"reason"`
	Failed  bool    `json:"failed,omitempty"`
	TraceID string  `json:"trace_id,omitempty"`
}

func lostKeys(r *result.Result) []LostKey {
	out := make([]LostKey, 0, len(r.Lost))
	for _, k := range r.Lost {
		row := LostKey{
			Key: k.Key, Found: string(k.Found), Version: strconv.FormatUint(k.Version, 10), WrittenS: secs(k.Written.Sub(r.Started)),
			Copies: k.Copies, TraceID: k.Trace, Holders: []Holder{}, Moves: []KeyMove{},
		}
		for _, h := range k.Holders {
			replica := Holder{Member: short(h.Peer.ID, r.Bits), Host: h.Peer.Addr, Fate: string(h.Fate), Phase: h.Phase, TraceID: traceText(h.Trace)}
			if !h.At.IsZero() {
				at := secs(h.At.Sub(r.Started))
				replica.EndedS = &at
			}
			if h.Fate == result.FateCrashed && !h.At.IsZero() {
				replica.By = short(h.By, r.Bits)
			}
			row.Holders = append(row.Holders, replica)
		}
		for _, m := range k.Moves {
			row.Moves = append(row.Moves, KeyMove{
				AtS: secs(m.At.Sub(r.Started)), From: short(m.From, r.Bits), To: short(m.To.ID, r.Bits), Reason: string(m.Reason),
				Failed: m.Failed, TraceID: traceText(m.Trace),
			})
		}
		out = append(out, row)
	}
	return out
}

func traceText(t trace.TraceID) string {
	if !t.IsValid() {
		return ""
	}
	return t.String()
}

// Text describes a lost key's last write, for people.
func (k LostKey) Text() string {
	return fmt.Sprintf("written at %s with %d replicas%s; the last read found %s", secondsText(k.WrittenS), k.Copies, inTrace(k.TraceID), k.Found)
}

// Text describes a replica's fate. Only the report of a crash has a time.
func (h Holder) Text() string {
	text, when := h.Fate, " at"
	if h.Phase != "" {
		text += fmt.Sprintf(" by phase %q", h.Phase)
	}
	if h.By != "" {
		when = ", reported by " + h.By + " at"
	}
	if h.EndedS != nil {
		text += when + " " + secondsText(*h.EndedS)
	}
	return text + inTrace(h.TraceID)
}

// Text describes the move.
func (m KeyMove) Text() string {
	what := "moved"
	if m.Failed {
		what = "not moved"
	}
	return fmt.Sprintf("%s from %s to %s at %s (%s)%s", what, m.From, m.To, secondsText(m.AtS), m.Reason, inTrace(m.TraceID))
}

func inTrace(id string) string {
	if id == "" {
		return ""
	}
	return ", trace " + id
}

// lostText describes the first textLost lost keys.
func (rep *Report) lostText(w io.Writer) {
	for i, k := range rep.Lost {
		if i == textLost {
			fmt.Fprintf(w, "  lost %d more keys; the report as JSON or HTML has %d of them\n", rep.Summary.LostKeys-i, len(rep.Lost)-i)
			return
		}
		fmt.Fprintf(w, "  lost %s: %s\n", k.Key, k.Text())
		for _, h := range k.Holders {
			fmt.Fprintf(w, "       replica on %s at %s: %s\n", h.Member, h.Host, h.Text())
		}
		if len(k.Holders) == 0 {
			fmt.Fprintf(w, "       the hosts of its replicas are not known: the acknowledgement did not name them\n")
		}
		for _, m := range k.Moves {
			fmt.Fprintf(w, "       %s\n", m.Text())
		}
	}
}
