// Command schemagen writes the JSON Schema of scenarios to a file of the docs.
package main

import (
	"fmt"
	"os"

	"chordconductor/conductor/lab/scenario"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "schemagen: expected one file")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], scenario.Schema(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}
