package host

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each block of Go code in docs/embedding.md is part of an example, which is compiled and run.
func TestPageShowsExamples(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	examples := read("example_test.go") + read("../client/example_test.go")
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(read("../../docs/embedding.md"), -1)
	if len(blocks) < 5 {
		t.Fatalf("%d blocks of Go on the page", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(examples, block[1]) {
			t.Errorf("in no example:\n%s", block[1])
		}
	}
}
