package main

// An equivalent mutant does the same as the program, which the proof shows. Its line is not named: it may move.
type equivalent struct{ file, operator, change, proof string }

var equivalents = []equivalent{
	{
		"node/member/silences.go", "drop",
		"if !slices.ContainsFunc(s.held(), func(held silence) bool { return held.addr == addr }) {\n\t\treturn\n\t} → {}",
		"without a silence of that host the rest deletes nothing and stores an equal list.",
	},
	{
		"node/kv/hlc/clock.go", "off by one",
		"if stamp > MaxStamp && stamp > Ceiling(c.now()) { → if stamp >= MaxStamp && stamp > Ceiling(c.now()) {",
		"the ceiling is at least MaxStamp at any time, so a stamp of MaxStamp is never above it.",
	},
	{
		"node/kv/leave_replicas.go", "off by one",
		"for gap := time.Duration(0); ; { → for gap := time.Duration(1); ; {",
		"pause alone reads the gap, and waits retry.Leave.First for 0 ns as for 1 ns.",
	},
}

func (e equivalent) is(m mutant) bool {
	return e.file == m.file && e.operator == m.operator && e.change == m.change()
}

// proof is empty unless the mutant is equivalent.
func proof(m mutant) string {
	for _, e := range equivalents {
		if e.is(m) {
			return "Equivalent: " + e.proof
		}
	}
	return ""
}
