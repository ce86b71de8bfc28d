// Package replication decides how R hosts come to hold each key of a range, and what may be read until they do: which
// versions are settled, to whom a write goes next, and how two members find by digests what one of them lacks. Its
// types are state machines and functions of values: they take what has been answered, and return what to send next.
// They make no calls, have no lock and start no task; package kv does all that.
package replication
