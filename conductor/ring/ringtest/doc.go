// Package ringtest simulates rings for tests: members whose pointers a test sets, and that emit all events of that, in
// order. A [TestRing] is small and makes any change; a [ChurningRing] is an ideal ring of many members with joins and
// crashes. Tests decide how the events are delivered.
package ringtest
