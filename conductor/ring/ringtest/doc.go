// Package ringtest makes up rings for tests: members whose pointers are set at will and that tell of it in events, in
// order and whole. A [World] is small and does anything; a [Town] is a settled ring of many that lives on. Tests decide
// what becomes of the events on their way.
package ringtest
