//go:build !race

package simtest

const (
	defaultSeeds   = 60
	defaultStories = 20
)

func several(n int) int { return n }
