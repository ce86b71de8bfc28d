// Package cputime measures the processor time of this process for benchmarks: the cost of work even while the machine
// has other work, which the wall clock does not show. Only tests call it.
package cputime

import (
	"syscall"
	"time"
)

// Used returns the processor time of this process since its start, user and system, of all threads.
func Used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails only for a wrong argument
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
