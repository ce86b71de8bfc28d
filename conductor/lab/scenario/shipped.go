package scenario

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
)

//go:embed shipped/*.yaml
var shippedFiles embed.FS

// Demo is the scenario of `conductor` without arguments. It runs until it is stopped.
const Demo = "demo"

// A ShippedScenario comes with the program.
type ShippedScenario struct {
	Name   string
	About  string // the scenario's first comment: what it teaches and what to look at
	Source string
}

// Shipped lists the scenarios that come with the program, by name.
var Shipped = sync.OnceValue(func() []ShippedScenario {
	entries, err := shippedFiles.ReadDir("shipped")
	if err != nil {
		panic(err) // impossible: the directive above names the folder
	}
	var list []ShippedScenario
	for _, entry := range entries {
		source, err := shippedFiles.ReadFile(path.Join("shipped", entry.Name()))
		if err != nil {
			panic(err) // impossible: the file was listed above
		}
		list = append(list, ShippedScenario{
			Name: strings.TrimSuffix(entry.Name(), ".yaml"), About: leadingComment(string(source)), Source: string(source),
		})
	}
	return list
})

// ErrNotShipped means that no scenario of that name comes with the program.
var ErrNotShipped = errors.New("no such scenario")

// Load parses a shipped scenario.
func Load(name string) (*Scenario, error) {
	var names []string
	for _, s := range Shipped() {
		if s.Name == name {
			return Parse(name+".yaml", []byte(s.Source))
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("%w: %q; the shipped scenarios are %s", ErrNotShipped, name, strings.Join(names, ", "))
}

// leadingComment returns the text of the comment lines at the beginning of a file.
func leadingComment(source string) string {
	var lines []string
	for line := range strings.Lines(source) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimSpace(text))
	}
	return strings.Join(lines, " ")
}

// AsProblems returns what Parse found wrong; nil if err is of another kind.
func AsProblems(err error) Problems {
	var p Problems
	errors.As(err, &p)
	return p
}
