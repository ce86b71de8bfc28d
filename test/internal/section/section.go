// Package section replaces a part of a page that a program writes: what is between <!-- NAME: begin --> and
// <!-- NAME: end -->, each on a line of its own. The programs' module replaces the table of promises likewise
// (node/simtest); this module does not import that one, for the reason in package polltest.
package section

import (
	"fmt"
	"os"
	"strings"
)

// Replace puts text in place of the section of the file. If the file has no such section, it returns an error and leaves
// the file as it is.
func Replace(file, name, text string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("cannot write the results: %s has no section between %q and %q", file, begin, end)
	}
	return os.WriteFile(file, []byte(before+begin+"\n"+text+"\n"+end+after), 0o644)
}
