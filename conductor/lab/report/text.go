package report

import (
	"fmt"
	"io"
	"strings"
)

// Text writes the summary for a terminal.
func (rep *Report) Text(w io.Writer) {
	s := rep.Summary
	row := func(what, format string, args ...any) {
		fmt.Fprintf(w, "  %-14s "+format+"\n", append([]any{what}, args...)...)
	}
	fmt.Fprintf(w, "\n%s, seed %d: %s after %s (%s time)\n", rep.Scenario.Name, rep.Scenario.Seed, strings.ToUpper(rep.Verdict), secondsText(rep.ElapsedS), rep.Environment.Speed)
	row("members", "%d at the end, peak ring error %d", s.MembersEnd, s.PeakRingError)
	row("operations", "%d answered, %d failed, %d refused, %d needed another host", s.Operations, s.Failed, s.Refused, s.Retried)
	row("keys", "%d written, %d lost%s, %d stale reads, %d corrupt", s.KeysWritten, s.LostKeys, s.HowLost(), s.StaleReads, s.CorruptReads)
	if s.RefusedShown > 0 {
		row("error", "reads show %d writes that were refused", s.RefusedShown)
	}
	row("lookups", "%d checked, %d wrong, %.2f hops on average (½ log2 N is %.2f)", s.JudgedLookups, s.WrongLookups, s.MeanHops, s.HalfLog)
	row("latency", "p50 %s, p99 %s, p99.9 %s, max %s, from the intended start", millisText(s.P50MS), millisText(s.P99MS), millisText(s.P999MS), millisText(s.MaxMS))
	staleness := "not measured"
	if rep.Environment.Speed == "real" {
		staleness = millisText(rep.Environment.StalenessP99MS)
	}
	row("telemetry", "%d events applied, %d records lost, staleness p99 %s", rep.Telemetry.Applied, rep.Telemetry.Lost, staleness)
	if len(rep.Phases) > 1 {
		fmt.Fprintf(w, "\n  %-34s %8s %8s %8s %8s %8s  %s\n", "phase", "from", "answers", "failed", "refused", "p99", "ideal again after")
		for _, p := range rep.Phases {
			fmt.Fprintf(w, "  %-34s %8s %8d %8d %8d %8s  %s\n", clip(p.Name, 34), secondsText(p.FromS), p.Gets+p.Puts+p.Lookups, p.Failed, p.Refused, millisText(p.P99MS), p.repaired())
		}
	}
	if len(rep.Checks) > 0 {
		fmt.Fprintln(w)
		for _, c := range rep.Checks {
			fmt.Fprintf(w, "  %-4s %-24s %s, at most %s\n", c.mark(), c.Metric, c.Text(), c.Metric.Format(c.Bound))
		}
	}
	for i, p := range rep.Phases {
		if p.Short {
			fmt.Fprintf(w, "  FAIL phase %q: %s\n", p.Name, p.shortText(i > 0))
		}
	}
	rep.lostText(w)
	for _, n := range rep.Notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
}

// shortText describes what a phase did not do although the scenario requests it.
func (p Phase) shortText(named bool) string {
	var short []string
	if p.Done < p.Planned {
		short = append(short, fmt.Sprintf("%d of %d done", p.Done, p.Planned))
	}
	if p.Unsent > 0 {
		short = append(short, fmt.Sprintf("%d operations were due and never sent, because too many were under way", p.Unsent))
	}
	text := strings.Join(short, "; ")
	if named {
		text += "; allow it with allow_partial: true"
	}
	return text
}

func (p Phase) repaired() string {
	switch {
	case p.RepairedS != nil:
		return secondsText(*p.RepairedS)
	case p.Unrepaired:
		return "not before the end"
	}
	return "–"
}

func (c Check) mark() string {
	if c.OK {
		return "ok"
	}
	return "FAIL"
}

// Text describes for people what was measured.
func (c Check) Text() string {
	switch {
	case !c.Measured && c.Allowed:
		return "not measured (allowed)"
	case !c.Measured:
		return "not measured"
	}
	if c.Never && c.Metric.Seconds() {
		return "not within " + c.Metric.Format(c.Value)
	}
	if c.Never {
		return c.Metric.Format(c.Value) + ", in a ring that is not ideal"
	}
	return c.Metric.Format(c.Value)
}

func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// HowLost returns what is known about the lost keys, in brackets; empty if nothing is known.
func (s Summary) HowLost() string {
	var known []string
	if s.LostSilent > 0 {
		known = append(known, fmt.Sprintf("%d without an answer", s.LostSilent))
	}
	if s.LostWeak > 0 {
		known = append(known, fmt.Sprintf("%d acknowledged with too few replicas", s.LostWeak))
	}
	if known == nil {
		return ""
	}
	return " (" + strings.Join(known, ", ") + ")"
}
