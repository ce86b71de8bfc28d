//go:build !race

package simtest

const defaultSeeds = 60
