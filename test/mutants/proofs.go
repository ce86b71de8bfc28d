package main

// An equivalent mutant behaves as the program does, for the reason in proof. It has no line number, since lines move.
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

// proof returns why the mutant is equivalent; empty if it is not known to be.
func proof(m mutant) string {
	for _, e := range equivalents {
		if e.is(m) {
			return "Equivalent: " + e.proof
		}
	}
	return ""
}
