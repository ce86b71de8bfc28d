//go:build !race

package truthtest

const defaultSeeds = 100
