package main

// An equivalent mutant does the same as the program, which the proof shows. Its line is not named: it may move.
type equivalent struct{ file, operator, change, proof string }

var equivalents = []equivalent{}

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
