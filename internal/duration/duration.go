// Package duration formats durations for people in the form that scenarios, flags and the API
// accept: 1m30s, 2.5s, 24h. Errors, reports and the output of commands use it.
package duration

import (
	"strings"
	"time"
)

// Text returns the duration without the zero units at the end of Go's own form: 24h, not 24h0m0s.
func Text(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
