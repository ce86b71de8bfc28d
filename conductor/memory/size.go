package memory

import (
	"fmt"
	"strconv"
	"strings"
)

var units = []struct {
	name string
	size int64
}{{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"TIB", 1 << 40}, {"B", 1}}

// Parse reads a size in GOMEMLIMIT's form: a whole number of bytes, or of KiB, MiB, GiB or TiB.
func Parse(text string) (int64, error) {
	number, size := strings.ToUpper(strings.TrimSpace(text)), int64(1)
	for _, u := range units {
		if rest, found := strings.CutSuffix(number, u.name); found {
			number, size = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/size {
		return 0, fmt.Errorf("%q: expected a size such as 512MiB or 2GiB", text)
	}
	return n * size, nil
}
