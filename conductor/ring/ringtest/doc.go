// Package ringtest simulates rings for tests: members whose pointers are set at will, and that emit events of it, in
// order and complete. A [TestRing] is small and makes any change; a [ChurningRing] is an ideal ring of many members
// with joins and crashes. Tests decide how the events are delivered.
package ringtest
